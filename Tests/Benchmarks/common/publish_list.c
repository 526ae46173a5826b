/* Publishes given payloads on given channels in a loop, pipelined, at full speed or a fixed rate.
 *
 * usage: publish_list [-r RATE] [-b BURST] [-d DEPTH] HOST PORT FILE COUNT
 *
 * FILE      channel, payload, channel, payload, ...: each a length of four bytes, low byte first, then the bytes.
 * COUNT     envelopes to publish; after the last of FILE it continues with the first.
 * -r RATE   envelopes per second, with absolute deadlines from the start: a late one does not delay the next.
 * -b BURST  envelopes due together with -r (default 1).
 * -d DEPTH  maximum number of commands without a reply (default 64).
 *
 * Every reply must be a number of subscribers, of any value.
 * Standard output: one line "published envelopes=N seconds=S rate=R behind_us=L", where L is the largest
 * lateness of a burst. Exit status: 0 done, 1 failed, 64 usage. */
#define _GNU_SOURCE /* ppoll */
#include <errno.h>
#include <hiredis/hiredis.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>
#include <unistd.h>

enum { reply_timeout_seconds = 10 };
static const int64_t second = 1000000000;

struct text {
    const char *bytes;
    size_t length;
};

struct list {
    struct text *texts; /* channel, payload, channel, payload, ... */
    size_t count; /* of pairs */
};

static int64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * second + time.tv_nsec;
}

static void fail(const char *what, const char *why) {
    fprintf(stderr, "publish_list: %s: %s\n", what, why);
    exit(1);
}

static int64_t number(const char *text, int64_t least) {
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (errno || *end || end == text || value < least) {
        fprintf(stderr, "publish_list: '%s' is not a whole number of %lld or more\n", text, (long long)least);
        exit(64);
    }
    return value;
}

static struct list read_list(const char *path) {
    FILE *file = fopen(path, "rb");
    if (file == NULL) fail(path, strerror(errno));
    if (fseek(file, 0, SEEK_END) != 0) fail(path, strerror(errno));
    long size = ftell(file);
    rewind(file);
    char *bytes = malloc(size > 0 ? (size_t)size : 1);
    if (bytes == NULL || fread(bytes, 1, (size_t)size, file) != (size_t)size) fail(path, "not read");
    fclose(file);

    struct list list = {.texts = NULL, .count = 0};
    size_t texts = 0, room = 0;
    for (size_t at = 0; at < (size_t)size;) {
        if ((size_t)size - at < 4) fail(path, "ends within a length");
        const unsigned char *head = (const unsigned char *)bytes + at;
        size_t length = head[0] | (size_t)head[1] << 8 | (size_t)head[2] << 16 | (size_t)head[3] << 24;
        at += 4;
        if ((size_t)size - at < length) fail(path, "ends within a text");
        if (texts == room) {
            room = room ? room * 2 : 1024;
            list.texts = realloc(list.texts, room * sizeof *list.texts);
            if (list.texts == NULL) fail(path, "no memory");
        }
        list.texts[texts++] = (struct text){.bytes = bytes + at, .length = length};
        at += length;
    }
    if (texts < 2 || texts % 2) fail(path, "not pairs of channel and payload");
    list.count = texts / 2;
    return list;
}

int main(int argc, char **argv) {
    int64_t rate = 0, burst = 1, depth = 64;
    for (int option; (option = getopt(argc, argv, "r:b:d:")) != -1;) {
        switch (option) {
        case 'r': rate = number(optarg, 1); break;
        case 'b': burst = number(optarg, 1); break;
        case 'd': depth = number(optarg, 1); break;
        default: optind = argc;
        }
    }
    if (argc - optind != 4) {
        fprintf(stderr, "usage: publish_list [-r RATE] [-b BURST] [-d DEPTH] HOST PORT FILE COUNT\n");
        return 64;
    }
    struct list list = read_list(argv[optind + 2]);
    int64_t count = number(argv[optind + 3], 1);
    redisContext *redis = redisConnectWithTimeout(argv[optind], (int)number(argv[optind + 1], 1),
                                                  (struct timeval){.tv_sec = 5});
    if (redis == NULL || redis->err) fail("connect", redis ? redis->errstr : "no memory");
    prctl(PR_SET_TIMERSLACK, 1); /* the default of 50 us is a whole interval at 20,000 a second */

    int64_t sent = 0, answered = 0, latest = 0, started = now();
    while (answered < count) {
        int64_t due = count, next = 0;
        if (rate) {
            int64_t time = now();
            due = sent;
            while (due < count) {
                next = started + (int64_t)((double)due * (double)second / (double)rate);
                if (next > time) break;
                if (time - next > latest) latest = time - next;
                due = (due / burst + 1) * burst;
                if (due > count) due = count;
            }
        }
        for (; sent < due && sent - answered < depth; sent++) {
            const struct text *pair = list.texts + (size_t)sent % list.count * 2;
            const char *words[] = {"PUBLISH", pair[0].bytes, pair[1].bytes};
            if (redisAppendCommandArgv(redis, 3, words, (size_t[]){7, pair[0].length, pair[1].length}) != REDIS_OK)
                fail("append", redis->errstr);
        }
        int done = 0;
        while (!done)
            if (redisBufferWrite(redis, &done) != REDIS_OK) fail("write", redis->errstr);

        /* Waits for replies, but not past the deadline of what can be sent next. */
        bool sending_next = sent < count && sent - answered < depth;
        int64_t wait = reply_timeout_seconds * second;
        if (sending_next) {
            wait = next - now();
            if (wait < 0) wait = 0;
        }
        struct pollfd socket = {.fd = redis->fd, .events = POLLIN};
        int ready = ppoll(&socket, 1, &(struct timespec){.tv_sec = wait / second, .tv_nsec = wait % second}, NULL);
        if (ready < 0) fail("poll", strerror(errno));
        if (ready == 0 && !sending_next) fail("Redis", "no reply in 10 s");
        if (ready == 0) continue;
        if (redisBufferRead(redis) != REDIS_OK) fail("read", redis->errstr);
        for (;;) {
            void *reply = NULL;
            if (redisGetReplyFromReader(redis, &reply) != REDIS_OK) fail("read", redis->errstr);
            if (reply == NULL) break;
            if (((redisReply *)reply)->type != REDIS_REPLY_INTEGER) fail("PUBLISH", ((redisReply *)reply)->str);
            freeReplyObject(reply);
            answered++;
        }
    }
    double seconds = (double)(now() - started) / (double)second;
    printf("published envelopes=%lld seconds=%.3f rate=%.0f behind_us=%.0f\n", (long long)count, seconds,
           (double)count / seconds, (double)latest / 1000);
    redisFree(redis);
    return 0;
}
