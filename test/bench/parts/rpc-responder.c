/*
 * The NETCONF subsystem of the benchmark's devices: base:1.0, as little work as possible, so that what is measured is the way to it.
 * <rpc> is answered with 1 KB; an <rpc> that holds octets="N" with a reply of N octets.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define END "]]>]]>"
#define SMALL 1024

static char input[1 << 20];
static char filler[1 << 16];

static void put(const char *data, size_t size) {
    while (size > 0) {
        ssize_t written = write(1, data, size);
        if (written <= 0) exit(1);
        data += written;
        size -= (size_t)written;
    }
}

static void answer(char *message) {
    char *id = strstr(message, "message-id=\"");
    char *octets = strstr(message, "octets=\"");
    size_t size = octets ? strtoull(octets + 8, NULL, 10) : SMALL;
    char reply[SMALL * 4];
    int head = snprintf(reply, sizeof reply,
                        "<rpc-reply xmlns=\"urn:ietf:params:xml:ns:netconf:base:1.0\" message-id=\"%.*s\"><data>",
                        id ? (int)strcspn(id + 12, "\"") : 0, id ? id + 12 : "");
    static const char tail[] = "</data></rpc-reply>" END;
    size_t rest = size > (size_t)head + sizeof tail ? size - (size_t)head - (sizeof tail - 1) : 0;
    if (size <= SMALL) {
        memset(reply + head, 'x', rest);
        memcpy(reply + head + rest, tail, sizeof tail - 1);
        put(reply, (size_t)head + rest + sizeof tail - 1);
        return;
    }
    put(reply, (size_t)head);
    for (; rest > 0; ) {
        size_t part = rest < sizeof filler ? rest : sizeof filler;
        put(filler, part);
        rest -= part;
    }
    put(tail, sizeof tail - 1);
}

int main(void) {
    static const char hello[] =
        "<hello xmlns=\"urn:ietf:params:xml:ns:netconf:base:1.0\"><capabilities>"
        "<capability>urn:ietf:params:netconf:base:1.0</capability></capabilities><session-id>1</session-id></hello>" END;
    size_t held = 0;
    memset(filler, 'x', sizeof filler);
    put(hello, sizeof hello - 1);
    for (;;) {
        ssize_t got = read(0, input + held, sizeof input - 1 - held);
        if (got <= 0) return 0;
        held += (size_t)got;
        input[held] = 0;
        char *from = input, *end;
        while ((end = strstr(from, END)) != NULL) {
            *end = 0;
            if (strstr(from, "<rpc ") || strstr(from, ":rpc ")) answer(from);
            from = end + sizeof END - 1;
        }
        held -= (size_t)(from - input);
        memmove(input, from, held);
        if (held == sizeof input - 1) return 1;
    }
}
