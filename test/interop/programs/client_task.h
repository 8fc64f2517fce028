/* What the clients in C share: their task as words, and the echo in turns, which needs one thread only. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define MAX_CHANNELS 16
#define TURN 16384

struct task {
  const char *host, *user, *method, *password, *key_file, *certificate_file;
  int port, bytes, channels, idle, hold;
  unsigned long rekey;
};

static void give_up(const char *what, const char *why) {
  fprintf(stderr, "%s: %s\n", what, why ? why : "");
  exit(1);
}

/* host port user method password key-file certificate-file bytes channels idle rekey hold; more is not read. */
static struct task read_task(char **words) {
  return (struct task){.host = words[1],
                       .port = atoi(words[2]),
                       .user = words[3],
                       .method = words[4],
                       .password = words[5],
                       .key_file = words[6],
                       .certificate_file = words[7],
                       .bytes = atoi(words[8]),
                       .channels = atoi(words[9]),
                       .idle = atoi(words[10]),
                       .rekey = strtoul(words[11], NULL, 10),
                       .hold = !strcmp(words[12], "true")};
}

static void fill(char *to, int from, int size, int seed) {
  for (int at = 0; at < size; at++) to[at] = (char)((from + at) * 2654435761u >> 13 ^ seed);
}

static void compare(const char *heard, const char *sent, int size) {
  if (memcmp(heard, sent, size)) give_up("echo", "other octets came back than were sent");
}

static void tell_end(const int *statuses, int count) {
  printf("statuses [");
  for (int at = 0; at < count; at++) printf("%s%d", at ? "," : "", statuses[at]);
  printf("]\n");
}
