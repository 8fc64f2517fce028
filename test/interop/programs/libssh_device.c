/*
 * A server on libssh, on a connection as its standard input: echoes on its subsystem netconf, and ends that with an
 * exit status. Words: host key, file of authorized keys, password, status, bytes between key exchanges (0 for none).
 */
#include <libssh/callbacks.h>
#include <libssh/server.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#define MAX_CHANNELS 64
#define PACKET 32768

static const char *authorized_keys, *password;
static int exit_status, typed;

struct echo {
  ssh_channel channel;
  int asked, eof;
};
static struct echo channels[MAX_CHANNELS];
static int count;

static int by_password(ssh_session session, const char *user, const char *given, void *data) {
  (void)session, (void)data;
  if (strcmp(user, "password") || strcmp(given, password)) return SSH_AUTH_DENIED;
  return SSH_AUTH_SUCCESS;
}

static int by_key(ssh_session session, const char *user, struct ssh_key_struct *key, char state, void *data) {
  char line[4096];
  int known = 0;
  FILE *file = fopen(authorized_keys, "r");
  (void)session, (void)state, (void)data;
  while (file && !known && fgets(line, sizeof line, file)) {
    ssh_key accepted = NULL;
    char *type = strtok(line, " "), *text = strtok(NULL, " \n");
    if (type && text && !ssh_pki_import_pubkey_base64(text, ssh_key_type_from_name(type), &accepted)) {
      known = !ssh_key_cmp(accepted, key, SSH_KEY_CMP_PUBLIC);
      ssh_key_free(accepted);
    }
  }
  if (file) fclose(file);
  if (!known || strcmp(user, "key")) return SSH_AUTH_DENIED;
  return SSH_AUTH_SUCCESS;
}

/* Keyboard-interactive has no callback of its own. */
static int by_message(ssh_session session, ssh_message message, void *data) {
  const char *prompts[] = {"Password: "};
  char echoes[] = {0};
  (void)data;
  if (ssh_message_type(message) != SSH_REQUEST_AUTH || ssh_message_subtype(message) != SSH_AUTH_METHOD_INTERACTIVE)
    return 1;
  if (!ssh_message_auth_kbdint_is_response(message)) {
    typed = !strcmp(ssh_message_auth_user(message), "typed");
    ssh_message_auth_interactive_request(message, "", "", 1, prompts, echoes);
    return 0;
  }
  const char *answer = ssh_userauth_kbdint_getanswer(session, 0);
  if (answer && !strcmp(answer, password) && typed)
    ssh_message_auth_reply_success(message, 0);
  else
    ssh_message_reply_default(message);
  return 0;
}

static int take_subsystem(ssh_session session, ssh_channel channel, const char *name, void *data) {
  (void)session, (void)channel;
  ((struct echo *)data)->asked = !strcmp(name, "netconf");
  return strcmp(name, "netconf") ? SSH_ERROR : SSH_OK;
}

static void take_eof(ssh_session session, ssh_channel channel, void *data) {
  (void)session, (void)channel;
  ((struct echo *)data)->eof = 1;
}

static ssh_channel take_channel(ssh_session session, void *data) {
  static struct ssh_channel_callbacks_struct callbacks[MAX_CHANNELS];
  (void)data;
  if (count == MAX_CHANNELS) return NULL;
  struct echo *echo = &channels[count];
  callbacks[count] = (struct ssh_channel_callbacks_struct){
      .userdata = echo, .channel_subsystem_request_function = take_subsystem, .channel_eof_function = take_eof};
  ssh_callbacks_init(&callbacks[count]);
  echo->channel = ssh_channel_new(session);
  ssh_set_channel_callbacks(echo->channel, &callbacks[count]);
  count++;
  return echo->channel;
}

/* What has come goes back, as far as the other side takes it. */
static void carry(struct echo *echo) {
  static char buffer[PACKET];
  if (!echo->channel || !echo->asked) return;
  for (;;) {
    uint32_t room = ssh_channel_window_size(echo->channel);
    if (!room) return;
    int got = ssh_channel_read_nonblocking(echo->channel, buffer, room < PACKET ? room : PACKET, 0);
    if (got <= 0) break;
    if (ssh_channel_write(echo->channel, buffer, got) != got) return;
  }
  if (!echo->eof || ssh_channel_poll(echo->channel, 0) > 0) return;
  ssh_channel_request_send_exit_status(echo->channel, exit_status);
  ssh_channel_send_eof(echo->channel);
  ssh_channel_close(echo->channel);
  echo->channel = NULL;
}

int main(int argc, char **argv) {
  if (argc != 6) return 2;
  authorized_keys = argv[2], password = argv[3], exit_status = atoi(argv[4]);
  uint64_t rekey = strtoull(argv[5], NULL, 10);
  ssh_init();
  ssh_bind bind = ssh_bind_new();
  ssh_session session = ssh_new();
  ssh_bind_options_set(bind, SSH_BIND_OPTIONS_HOSTKEY, argv[1]);
  if (rekey) ssh_options_set(session, SSH_OPTIONS_REKEY_DATA, &rekey);
  struct ssh_server_callbacks_struct callbacks = {.auth_password_function = by_password,
                                                  .auth_pubkey_function = by_key,
                                                  .channel_open_request_session_function = take_channel};
  ssh_callbacks_init(&callbacks);
  ssh_set_server_callbacks(session, &callbacks);
  ssh_set_message_callback(session, by_message, NULL);
  if (ssh_bind_accept_fd(bind, session, 0) != SSH_OK) {
    fprintf(stderr, "%s\n", ssh_get_error(bind));
    return 1;
  }
  if (rekey) ssh_options_set(session, SSH_OPTIONS_REKEY_DATA, &rekey);
  ssh_set_auth_methods(session, SSH_AUTH_METHOD_PASSWORD | SSH_AUTH_METHOD_PUBLICKEY | SSH_AUTH_METHOD_INTERACTIVE);
  if (ssh_handle_key_exchange(session) != SSH_OK) {
    fprintf(stderr, "%s\n", ssh_get_error(session));
    return 1;
  }
  ssh_event event = ssh_event_new();
  ssh_event_add_session(event, session);
  while (ssh_event_dopoll(event, 100) != SSH_ERROR && ssh_is_connected(session))
    for (int at = 0; at < count; at++) carry(&channels[at]);
  fprintf(stderr, "over: %s\n", ssh_get_error(session));
  return 0;
}
