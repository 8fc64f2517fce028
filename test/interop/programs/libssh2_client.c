/* A client on libssh2 that sends to a device that echoes; client_task.h says what its words are. */
#include <arpa/inet.h>
#include <libssh2.h>
#include <sys/socket.h>

#include "client_task.h"

static LIBSSH2_SESSION *session;
static struct task task;

static void need(int right, const char *what) {
  char *why = NULL;
  if (right) return;
  libssh2_session_last_error(session, &why, NULL, 0);
  give_up(what, why);
}

static void answer(const char *name, int name_length, const char *instruction, int instruction_length, int count,
                   const LIBSSH2_USERAUTH_KBDINT_PROMPT *prompts, LIBSSH2_USERAUTH_KBDINT_RESPONSE *responses,
                   void **data) {
  (void)name, (void)name_length, (void)instruction, (void)instruction_length, (void)prompts, (void)data;
  for (int at = 0; at < count; at++) {
    responses[at].text = strdup(task.password);
    responses[at].length = strlen(task.password);
  }
}

static int log_in_by_agent(void) {
  struct libssh2_agent_publickey *identity = NULL;
  LIBSSH2_AGENT *agent = libssh2_agent_init(session);
  need(agent && !libssh2_agent_connect(agent) && !libssh2_agent_list_identities(agent), "agent");
  need(!libssh2_agent_get_identity(agent, &identity, NULL), "key of the agent");
  return libssh2_agent_userauth(agent, task.user, identity);
}

static void log_in(void) {
  char public_file[4096];
  int result;
  snprintf(public_file, sizeof public_file, "%s.pub", task.key_file);
  if (!strcmp(task.method, "password"))
    result = libssh2_userauth_password(session, task.user, task.password);
  else if (!strcmp(task.method, "keyboard-interactive"))
    result = libssh2_userauth_keyboard_interactive(session, task.user, answer);
  else if (!strcmp(task.method, "agent"))
    result = log_in_by_agent();
  else
    result = libssh2_userauth_publickey_fromfile(
        session, task.user, *task.certificate_file ? task.certificate_file : public_file, task.key_file, NULL);
  need(!result, "login");
}

static void echo(LIBSSH2_CHANNEL **channels, int count, int bytes) {
  static char sent[TURN], heard[TURN];
  for (int from = 0; from < bytes; from += TURN) {
    int size = bytes - from < TURN ? bytes - from : TURN;
    for (int at = 0; at < count; at++) {
      fill(sent, from, size, at);
      for (int had = 0, put; had < size; had += put)
        need((put = libssh2_channel_write(channels[at], sent + had, size - had)) > 0, "write");
    }
    for (int at = 0; at < count; at++) {
      for (int had = 0, got; had < size; had += got)
        need((got = libssh2_channel_read(channels[at], heard + had, size - had)) > 0, "read");
      fill(sent, from, size, at);
      compare(heard, sent, size);
    }
  }
}

int main(int argc, char **argv) {
  if (argc < 13) return 2;
  task = read_task(argv);
  LIBSSH2_CHANNEL *channels[MAX_CHANNELS];
  int statuses[MAX_CHANNELS];
  struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons(task.port)};
  int connection = socket(AF_INET, SOCK_STREAM, 0);
  inet_pton(AF_INET, task.host, &to.sin_addr);
  libssh2_init(0);
  session = libssh2_session_init();
  need(!connect(connection, (struct sockaddr *)&to, sizeof to), "connect");
  need(!libssh2_session_handshake(session, connection), "key exchange");
  log_in();
  for (int at = 0; at < task.channels; at++) {
    channels[at] = libssh2_channel_open_session(session);
    need(channels[at] && !libssh2_channel_subsystem(channels[at], "netconf"), "channel");
  }
  echo(channels, task.channels, task.bytes);
  if (task.idle) {
    usleep(task.idle * 1000);
    echo(channels, task.channels, 1000);
  }
  printf("echoed\n");
  fflush(stdout);
  if (task.hold) sleep(600);
  for (int at = 0; at < task.channels; at++) {
    char rest[TURN];
    libssh2_channel_send_eof(channels[at]);
    while (libssh2_channel_read(channels[at], rest, sizeof rest) > 0) continue;
    libssh2_channel_close(channels[at]);
    libssh2_channel_wait_closed(channels[at]);
    statuses[at] = libssh2_channel_get_exit_status(channels[at]);
  }
  libssh2_session_disconnect(session, "bye");
  tell_end(statuses, task.channels);
  return 0;
}
