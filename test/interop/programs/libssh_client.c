/* A client on libssh that sends to a device that echoes; client_task.h says what its words are. */
#include <libssh/libssh.h>

#include "client_task.h"

static ssh_session session;

static void need(int right, const char *what) {
  if (!right) give_up(what, ssh_get_error(session));
}

static void log_in(const struct task *task) {
  /* Its documentation has this first; it learns meanwhile by which algorithms the server takes an RSA key. */
  int result = ssh_userauth_none(session, NULL);
  need(result == SSH_AUTH_DENIED, "first question");
  if (!strcmp(task->method, "password")) {
    result = ssh_userauth_password(session, NULL, task->password);
  } else if (!strcmp(task->method, "keyboard-interactive")) {
    while ((result = ssh_userauth_kbdint(session, NULL, NULL)) == SSH_AUTH_INFO)
      for (int at = 0; at < ssh_userauth_kbdint_getnprompts(session); at++)
        ssh_userauth_kbdint_setanswer(session, at, task->password);
  } else if (!strcmp(task->method, "agent")) {
    result = ssh_userauth_agent(session, NULL);
  } else {
    ssh_key key = NULL, certificate = NULL;
    need(!ssh_pki_import_privkey_file(task->key_file, NULL, NULL, NULL, &key), "key");
    if (*task->certificate_file) {
      need(!ssh_pki_import_cert_file(task->certificate_file, &certificate), "certificate");
      need(!ssh_pki_copy_cert_to_privkey(certificate, key), "certificate of the key");
      result = ssh_userauth_try_publickey(session, NULL, certificate);
      need(result == SSH_AUTH_SUCCESS, "offered certificate");
    }
    result = ssh_userauth_publickey(session, NULL, key);
  }
  need(result == SSH_AUTH_SUCCESS, "login");
}

static void echo(ssh_channel *channels, int count, int bytes) {
  static char sent[TURN], heard[TURN];
  for (int from = 0; from < bytes; from += TURN) {
    int size = bytes - from < TURN ? bytes - from : TURN;
    for (int at = 0; at < count; at++) {
      fill(sent, from, size, at);
      need(ssh_channel_write(channels[at], sent, size) == size, "write");
    }
    for (int at = 0; at < count; at++) {
      for (int had = 0, got; had < size; had += got)
        need((got = ssh_channel_read(channels[at], heard + had, size - had, 0)) > 0, "read");
      fill(sent, from, size, at);
      compare(heard, sent, size);
    }
  }
}

int main(int argc, char **argv) {
  if (argc < 13) return 2;
  struct task task = read_task(argv);
  ssh_channel channels[MAX_CHANNELS];
  int statuses[MAX_CHANNELS], no = 0;
  uint64_t rekey = task.rekey;
  session = ssh_new();
  ssh_options_set(session, SSH_OPTIONS_HOST, task.host);
  ssh_options_set(session, SSH_OPTIONS_PORT, &task.port);
  ssh_options_set(session, SSH_OPTIONS_USER, task.user);
  ssh_options_set(session, SSH_OPTIONS_PROCESS_CONFIG, &no);
  if (rekey) ssh_options_set(session, SSH_OPTIONS_REKEY_DATA, &rekey);
  need(ssh_connect(session) == SSH_OK, "connect");
  log_in(&task);
  for (int at = 0; at < task.channels; at++) {
    channels[at] = ssh_channel_new(session);
    need(ssh_channel_open_session(channels[at]) == SSH_OK, "channel");
    need(ssh_channel_request_subsystem(channels[at], "netconf") == SSH_OK, "subsystem");
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
    ssh_channel_send_eof(channels[at]);
    while (ssh_channel_read(channels[at], rest, sizeof rest, 0) > 0) continue;
    statuses[at] = ssh_channel_get_exit_status(channels[at]);
    ssh_channel_close(channels[at]);
  }
  ssh_disconnect(session);
  tell_end(statuses, task.channels);
  return 0;
}
