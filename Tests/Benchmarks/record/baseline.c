/* A minimal recorder: hiredis' synchronous loop on a subscribed connection; every payload is written to a file after its
 * length, without decoding. `run` compares the relay's record path with it.
 *
 * usage: baseline [-z] HOST PORT CHANNEL FILE [TOTAL...]
 *
 * -z        compresses with zstd at level 1, with a checksum, 256 KiB at a time: a minimal compressing recorder.
 * FILE      receives uint32 length (host order) and payload of each envelope, through stdio with a buffer of 256 KiB.
 * TOTAL...  ascending: on reaching each, the file is flushed and "received" is printed with the figures so far.
 *
 * Standard output: "subscribed" when Redis has confirmed, "received envelopes=N bytes=N" at each TOTAL and once more
 * at the end, on SIGTERM or SIGINT. Exit status: 0 stopped by a signal, 1 failed, 64 usage. */
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
#include <zstd.h>

enum { chunk_bytes = 256 * 1024 };

/* Where envelopes go. */
struct output {
    FILE *file;
    /* NULL without compression. */
    ZSTD_CCtx *zstd;
    uint8_t chunk[chunk_bytes];
    size_t filled;
    uint8_t frame[ZSTD_COMPRESSBOUND(chunk_bytes)];
};

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

static bool open_output(struct output *output, const char *path, bool compresses) {
    output->file = fopen(path, "wb");
    if (output->file == NULL || setvbuf(output->file, NULL, _IOFBF, chunk_bytes) != 0) return false;
    if (!compresses) return true;
    output->zstd = ZSTD_createCCtx();
    return output->zstd != NULL && !ZSTD_isError(ZSTD_CCtx_setParameter(output->zstd, ZSTD_c_compressionLevel, 1)) &&
           !ZSTD_isError(ZSTD_CCtx_setParameter(output->zstd, ZSTD_c_checksumFlag, 1));
}

static bool write_chunk(struct output *output) {
    if (output->filled == 0) return true;
    size_t size = ZSTD_compress2(output->zstd, output->frame, sizeof output->frame, output->chunk, output->filled);
    output->filled = 0;
    return !ZSTD_isError(size) && fwrite(output->frame, 1, size, output->file) == size;
}

static bool write_bytes(struct output *output, const void *bytes, size_t count) {
    if (output->zstd == NULL) return fwrite(bytes, 1, count, output->file) == count;
    for (size_t done = 0; done < count;) {
        if (output->filled == chunk_bytes && !write_chunk(output)) return false;
        size_t space = chunk_bytes - output->filled, piece = count - done < space ? count - done : space;
        memcpy(output->chunk + output->filled, (const uint8_t *)bytes + done, piece);
        output->filled += piece;
        done += piece;
    }
    return true;
}

static bool write_envelope(struct output *output, const redisReply *payload) {
    uint32_t length = (uint32_t)payload->len;
    return write_bytes(output, &length, sizeof length) && write_bytes(output, payload->str, length);
}

static bool flush(struct output *output) { return write_chunk(output) && fflush(output->file) == 0; }

static void report(uint64_t envelopes, uint64_t bytes) {
    printf("received envelopes=%" PRIu64 " bytes=%" PRIu64 "\n", envelopes, bytes);
    fflush(stdout);
}

int main(int argc, char **argv) {
    bool compresses = argc > 1 && strcmp(argv[1], "-z") == 0;
    char **arguments = argv + (compresses ? 2 : 1);
    if (argc - (arguments - argv) < 4) {
        fprintf(stderr, "usage: baseline [-z] HOST PORT CHANNEL FILE [TOTAL...]\n");
        return 64;
    }
    const char *path = arguments[3];
    static struct output output;
    if (!open_output(&output, path, compresses)) {
        fprintf(stderr, "baseline: %s: %s\n", path, strerror(errno));
        return 1;
    }
    redisContext *redis = subscribe_to(arguments[0], atoi(arguments[1]), arguments[2]);
    if (redis == NULL) return 1;
    stop_on_signals(redis->fd);
    puts("subscribed");
    fflush(stdout);

    char **totals = arguments + 4;
    uint64_t envelopes = 0, bytes = 0, next_total = *totals ? strtoull(*totals, NULL, 10) : 0;
    bool written = true;
    void *reply;
    while (written && redisGetReply(redis, &reply) == REDIS_OK) {
        if (is_envelope(reply)) {
            const redisReply *payload = ((redisReply *)reply)->element[2];
            written = write_envelope(&output, payload);
            envelopes += 1;
            bytes += payload->len;
            if (written && envelopes == next_total) {
                written = flush(&output);
                report(envelopes, bytes);
                totals += 1;
                next_total = *totals ? strtoull(*totals, NULL, 10) : 0;
            }
        }
        freeReplyObject(reply);
    }
    if (!written || !flush(&output) || fclose(output.file) != 0) {
        fprintf(stderr, "baseline: %s: cannot write: %s\n", path, strerror(errno));
        return 1;
    }
    report(envelopes, bytes);
    if (!stopped) fprintf(stderr, "baseline: lost the connection: %s\n", redis->errstr);
    redisFree(redis);
    ZSTD_freeCCtx(output.zstd);
    return stopped ? 0 : 1;
}
