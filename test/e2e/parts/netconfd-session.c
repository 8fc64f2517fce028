/*
 * A session of netconfd on standard input and output, as Debian's netconf-subsystem gives one, but without two of its habits
 * that make tests fail by chance: it holds back what follows the client's hello until netconfd has taken the hello (netconfd
 * leaves a request that it reads together with the hello unanswered), and it stays after end of input until all is answered.
 *
 *   netconfd-session SOCKET
 */
#include <errno.h>
#include <linux/sockios.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#define MAGIC "x56o8937ab17eg922z34rwhobskdbyswfehkpsqq3i55a0an960ccw24a4ek864aOpal1t2p"

/* Counts ends of messages of either framing, across reads. */
struct counter { size_t matched_1_0, matched_1_1; unsigned long messages; };

static int advance(size_t *matched, const char *mark, char c)
{
    /* "]]]>]]>" and the like: stay on the first repeated character instead of starting over. */
    if (mark[*matched] != c)
        *matched = (c == ']' && mark[0] == ']' && *matched == 2) ? 2 : (c == mark[0]);
    else
        ++*matched;
    if (mark[*matched])
        return 0;
    *matched = 0;
    return 1;
}

/* Length of the part of `data` that ends with the first message of the stream, or all of it. */
static size_t count(struct counter *counter, const char *data, size_t length, int stop_at_first)
{
    for (size_t i = 0; i < length; i++) {
        int ends = advance(&counter->matched_1_0, "]]>]]>", data[i]) | advance(&counter->matched_1_1, "\n##\n", data[i]);
        counter->messages += (unsigned long)ends;
        if (ends && stop_at_first && counter->messages == 1)
            return i + 1;
    }
    return length;
}

static int write_all(int fd, const char *data, size_t length)
{
    while (length) {
        ssize_t written = write(fd, data, length);
        if (written < 0 && errno != EINTR)
            return -1;
        if (written > 0)
            data += written, length -= (size_t)written;
    }
    return 0;
}

static void wait_until_read(int server)
{
    int unread;
    while (!ioctl(server, SIOCOUTQ, &unread) && unread)
        usleep(200);
}

int main(int argc, char **argv)
{
    static char buffer[65536];
    struct sockaddr_un address = {.sun_family = AF_UNIX};
    struct counter sent = {0}, received = {0};
    int server = socket(AF_UNIX, SOCK_STREAM, 0);
    struct pollfd polled[] = {{.fd = 0, .events = POLLIN}, {.fd = server, .events = POLLIN}, {.fd = 1}};
    ssize_t length;

    if (argc != 2)
        return 2;
    snprintf(address.sun_path, sizeof address.sun_path, "%s", argv[1]);
    if (connect(server, (struct sockaddr *)&address, sizeof address)) {
        perror(argv[1]);
        return 1;
    }
    dprintf(server, "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<ncx-connect xmlns=\"http://netconfcentral.org/ns/yuma-ncx\""
            " version=\"1\" user=\"%s\" address=\"127.0.0.1\" magic=\"" MAGIC "\" transport=\"ssh\" port=\"830\" />\n]]>]]>",
            getenv("USER") ? getenv("USER") : "netconf");

    /* A negative descriptor is one that poll leaves out: standard input after its end. */
    while (polled[0].fd >= 0 || received.messages < sent.messages) {
        if (poll(polled, 3, -1) < 0 || polled[2].revents)
            return 1; /* nobody reads us any more */
        if (polled[1].revents) {
            length = read(server, buffer, sizeof buffer);
            if (length <= 0)
                return length < 0;
            count(&received, buffer, (size_t)length, 0);
            if (write_all(1, buffer, (size_t)length))
                return 1;
        } else if (polled[0].revents) {
            length = read(0, buffer, sizeof buffer);
            if (length <= 0) {
                polled[0].fd = -1;
                continue;
            }
            for (const char *next = buffer, *end = buffer + length; next < end;) {
                if (sent.messages <= 1)
                    wait_until_read(server);
                size_t part = count(&sent, next, (size_t)(end - next), !sent.messages);
                if (write_all(server, next, part))
                    return 1;
                next += part;
            }
        }
    }
    return 0;
}
