/* The least a recorder can do: hiredis' synchronous loop on a subscribed connection, every payload written to a file
 * behind its length, nothing decoded. `run` measures the relay's record path against it.
 *
 * usage: baseline HOST PORT CHANNEL FILE [TOTAL...]
 *
 * FILE      gets uint32 length (host order) and payload for each envelope, through stdio with a buffer of 256 KiB.
 * TOTAL...  ascending: on reaching each, the file is flushed and "received" is printed with the figures so far.
 *
 * Standard output: "subscribed" when Redis has confirmed, "received envelopes=N bytes=N" at each TOTAL and once more
 * at the end, which SIGTERM or SIGINT brings. Exit status: 0 stopped by a signal, 1 failed, 64 usage. */
#include <errno.h>
#include <hiredis/hiredis.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

enum { file_buffer_bytes = 256 * 1024 };

static volatile sig_atomic_t stopped;
static int subscribed_socket = -1;

/* hiredis retries an interrupted read by itself, so a flag alone would be seen only at the next envelope. */
static void stop(int signal_number) {
    (void)signal_number;
    stopped = 1;
    shutdown(subscribed_socket, SHUT_RD);
}

static void stop_on_signals(int socket) {
    subscribed_socket = socket;
    struct sigaction action = {.sa_handler = stop};
    sigemptyset(&action.sa_mask);
    sigaction(SIGTERM, &action, NULL);
    sigaction(SIGINT, &action, NULL);
}

static redisContext *subscribe_to(const char *host, int port, const char *channel) {
    redisContext *redis = redisConnectWithTimeout(host, port, (struct timeval){.tv_sec = 5});
    if (redis == NULL || redis->err) {
        fprintf(stderr, "baseline: cannot connect to %s:%d: %s\n", host, port, redis ? redis->errstr : "no memory");
        return NULL;
    }
    redisReply *reply = redisCommand(redis, "SUBSCRIBE %s", channel);
    if (reply == NULL || reply->type != REDIS_REPLY_ARRAY) {
        fprintf(stderr, "baseline: SUBSCRIBE %s: %s\n", channel, reply ? reply->str : redis->errstr);
        return NULL;
    }
    freeReplyObject(reply);
    return redis;
}

static bool is_envelope(const redisReply *reply) {
    return reply->type == REDIS_REPLY_ARRAY && reply->elements == 3 && reply->element[2]->type == REDIS_REPLY_STRING;
}

static bool write_envelope(FILE *file, const redisReply *payload) {
    uint32_t length = (uint32_t)payload->len;
    return fwrite(&length, sizeof length, 1, file) == 1 && fwrite(payload->str, 1, length, file) == length;
}

static void report(uint64_t envelopes, uint64_t bytes) {
    printf("received envelopes=%" PRIu64 " bytes=%" PRIu64 "\n", envelopes, bytes);
    fflush(stdout);
}

int main(int argc, char **argv) {
    if (argc < 5) {
        fprintf(stderr, "usage: baseline HOST PORT CHANNEL FILE [TOTAL...]\n");
        return 64;
    }
    const char *path = argv[4];
    FILE *file = fopen(path, "wb");
    if (file == NULL || setvbuf(file, NULL, _IOFBF, file_buffer_bytes) != 0) {
        fprintf(stderr, "baseline: %s: %s\n", path, strerror(errno));
        return 1;
    }
    redisContext *redis = subscribe_to(argv[1], atoi(argv[2]), argv[3]);
    if (redis == NULL) return 1;
    stop_on_signals(redis->fd);
    puts("subscribed");
    fflush(stdout);

    char **totals = argv + 5;
    uint64_t envelopes = 0, bytes = 0, next_total = *totals ? strtoull(*totals, NULL, 10) : 0;
    void *reply;
    while (redisGetReply(redis, &reply) == REDIS_OK) {
        if (is_envelope(reply)) {
            const redisReply *payload = ((redisReply *)reply)->element[2];
            if (!write_envelope(file, payload)) {
                fprintf(stderr, "baseline: %s: %s\n", path, strerror(errno));
                return 1;
            }
            envelopes += 1;
            bytes += payload->len;
            if (envelopes == next_total) {
                fflush(file);
                report(envelopes, bytes);
                totals += 1;
                next_total = *totals ? strtoull(*totals, NULL, 10) : 0;
            }
        }
        freeReplyObject(reply);
    }
    if (fclose(file) != 0) {
        fprintf(stderr, "baseline: %s: %s\n", path, strerror(errno));
        return 1;
    }
    report(envelopes, bytes);
    if (!stopped) fprintf(stderr, "baseline: lost the connection: %s\n", redis->errstr);
    redisFree(redis);
    return stopped ? 0 : 1;
}
