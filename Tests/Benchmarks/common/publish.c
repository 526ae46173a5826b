/* Publishes envelopes like SignalR 2 nodes: their script with EVALSHA, pipelined, at full speed or a fixed rate.
 *
 * usage: publish [-p] [-u] [-r RATE] [-b BURST] [-d DEPTH] [-n DIFFERENT] [-c CHANNELS] HOST PORT CHANNEL COUNT SIZE
 *
 * COUNT     envelopes to publish.
 * SIZE      bytes of a payload, to within the digits of its id.
 * -p        plain PUBLISH of a payload with its id already in front; ids are taken from the counter in advance.
 * -u        with -p: a publish need not reach a subscriber (a replication tap is none).
 * -r RATE   envelopes per second, with absolute deadlines from the start: a late one does not delay the next.
 * -b BURST  envelopes due together with -r (default 1).
 * -d DEPTH  maximum number of commands without a reply (default 64).
 * -n DIFFERENT  number of contents created in advance and used in turn (default: 4 MiB of them).
 * -c CHANNELS   this many channels in turn, CHANNEL-0, CHANNEL-1 and so on, instead of only CHANNEL.
 *
 * Every reply is checked: ids must be dense, and without -u each publish must have reached a subscriber in
 * plain mode.
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

#include "chat.h"

/* Many times a capture's chunk of 256 KiB, so that no chunk contains a line twice. */
enum { pool_bytes = 4 * 1024 * 1024 };
enum { id_digits = 6, longest_id = 21 };
enum { reply_timeout_seconds = 10 };
static const uint64_t seed = 0x5167a1;
static const int64_t second = 1000000000;

static const char script[] = "local newId = redis.call('INCR', KEYS[1])\n"
                             "local payload = newId .. ' ' .. ARGV[1]\n"
                             "redis.call('PUBLISH', KEYS[1], payload)\n"
                             "return {newId, ARGV[1], payload}";

struct options {
    bool plain;
    bool unheard;
    int64_t rate; /* 0 = full speed */
    int64_t burst;
    int64_t depth;
    int64_t different; /* 0 = as many as fill the pool */
    int64_t channels; /* 0 = one, named without a number */
    const char *channel;
    int64_t count;
    size_t payload_size;
};

struct channel {
    char name[256];
    long long next_id; /* 0 = known after the first reply; in plain mode taken in advance */
};

struct publisher {
    struct options options;
    redisContext *redis;
    struct chat chat;
    char script_hash[41];
    char *plain_payload;
    struct channel *channels; /* envelope i goes to channel i modulo their number */
    int64_t channel_count;
    int64_t sent;
    int64_t answered;
    int64_t started;
    int64_t latest;
};

static int64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * second + time.tv_nsec;
}

static void fail(const char *what, const char *why) {
    fprintf(stderr, "publish: %s: %s\n", what, why);
    exit(1);
}

// MARK: setting up

static int64_t number(const char *text, int64_t least) {
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (errno || *end || end == text || value < least) {
        fprintf(stderr, "publish: '%s' is not a whole number of %lld or more\n", text, (long long)least);
        exit(64);
    }
    return value;
}

static redisReply *command_reply(struct publisher *publisher, const char *what, int type, redisReply *reply) {
    if (reply == NULL) fail(what, publisher->redis->errstr);
    if (reply->type != type) fail(what, reply->type == REDIS_REPLY_ERROR ? reply->str : "unexpected reply");
    return reply;
}

static void load_script(struct publisher *publisher) {
    redisReply *reply = command_reply(publisher, "SCRIPT LOAD", REDIS_REPLY_STRING,
                                      redisCommand(publisher->redis, "SCRIPT LOAD %s", script));
    snprintf(publisher->script_hash, sizeof publisher->script_hash, "%s", reply->str);
    freeReplyObject(reply);
}

static void name_channels(struct publisher *publisher) {
    const struct options *options = &publisher->options;
    publisher->channel_count = options->channels ? options->channels : 1;
    publisher->channels = calloc((size_t)publisher->channel_count, sizeof *publisher->channels);
    if (publisher->channels == NULL) fail("channels", "no memory");
    for (int64_t i = 0; i < publisher->channel_count; i++) {
        struct channel *channel = &publisher->channels[i];
        int length = options->channels
                         ? snprintf(channel->name, sizeof channel->name, "%s-%lld", options->channel, (long long)i)
                         : snprintf(channel->name, sizeof channel->name, "%s", options->channel);
        if (length >= (int)sizeof channel->name) fail("CHANNEL", "longer than 255 bytes");
    }
}

static void draw_ids(struct publisher *publisher) {
    const struct options *options = &publisher->options;
    for (int64_t i = 0; i < publisher->channel_count; i++) {
        struct channel *channel = &publisher->channels[i];
        /* This channel's share of them, in turn. */
        int64_t count = (options->count - i + publisher->channel_count - 1) / publisher->channel_count;
        if (count <= 0) continue;
        redisReply *reply =
            command_reply(publisher, "INCRBY", REDIS_REPLY_INTEGER,
                          redisCommand(publisher->redis, "INCRBY %s %lld", channel->name, (long long)count));
        channel->next_id = reply->integer - count + 1;
        freeReplyObject(reply);
    }
    publisher->plain_payload = malloc(longest_id + 1 + publisher->chat.size);
    if (publisher->plain_payload == NULL) fail("payload", "no memory");
}

// MARK: sending

static void append(struct publisher *publisher, int argc, const char **argv, const size_t *lengths) {
    if (redisAppendCommandArgv(publisher->redis, argc, argv, lengths) != REDIS_OK)
        fail("append", publisher->redis->errstr);
}

static void append_next(struct publisher *publisher) {
    struct channel *to = &publisher->channels[publisher->sent % publisher->channel_count];
    const char *channel = to->name;
    size_t channel_length = strlen(channel), blob_length = publisher->chat.size;
    const char *blob = (const char *)chat_stamped_blob(&publisher->chat, (size_t)publisher->sent);
    if (publisher->options.plain) {
        int prefix = sprintf(publisher->plain_payload, "%lld ", to->next_id++);
        memcpy(publisher->plain_payload + prefix, blob, blob_length);
        const char *argv[] = {"PUBLISH", channel, publisher->plain_payload};
        append(publisher, 3, argv, (size_t[]){7, channel_length, (size_t)prefix + blob_length});
    } else {
        const char *argv[] = {"EVALSHA", publisher->script_hash, "1", channel, blob};
        append(publisher, 5, argv, (size_t[]){7, 40, 1, channel_length, blob_length});
    }
    publisher->sent += 1;
}

static void flush(struct publisher *publisher) {
    int done = 0;
    while (!done)
        if (redisBufferWrite(publisher->redis, &done) != REDIS_OK) fail("write", publisher->redis->errstr);
}

/* When the burst that starts with envelope `index` is due, on the clock of `now`. Only with a rate. */
static int64_t deadline(const struct publisher *publisher, int64_t index) {
    return publisher->started + (int64_t)((double)index * (double)second / (double)publisher->options.rate);
}

/* How many envelopes may have been sent by `time`. */
static int64_t due_by(struct publisher *publisher, int64_t time) {
    const struct options *options = &publisher->options;
    if (options->rate == 0) return options->count;
    int64_t due = publisher->sent;
    while (due < options->count && deadline(publisher, due) <= time) {
        int64_t late = time - deadline(publisher, due);
        if (late > publisher->latest) publisher->latest = late;
        int64_t burst_end = (due / options->burst + 1) * options->burst;
        due = burst_end < options->count ? burst_end : options->count;
    }
    return due;
}

// MARK: replies

static void check(struct publisher *publisher, const redisReply *reply) {
    if (reply->type == REDIS_REPLY_ERROR) fail("reply", reply->str);
    if (publisher->options.plain) {
        if (reply->type != REDIS_REPLY_INTEGER) fail("PUBLISH", "unexpected reply");
        if (reply->integer < 1 && !publisher->options.unheard) fail("PUBLISH", "reached no subscriber");
    } else {
        if (reply->type != REDIS_REPLY_ARRAY || reply->elements != 3) fail("EVALSHA", "unexpected reply");
        struct channel *from = &publisher->channels[publisher->answered % publisher->channel_count];
        long long id = reply->element[0]->integer;
        if (from->next_id != 0 && id != from->next_id) fail("EVALSHA", "ids are not dense: another publisher?");
        from->next_id = id + 1;
    }
    publisher->answered += 1;
}

static void read_replies(struct publisher *publisher) {
    if (redisBufferRead(publisher->redis) != REDIS_OK) fail("read", publisher->redis->errstr);
    for (;;) {
        void *reply = NULL;
        if (redisGetReplyFromReader(publisher->redis, &reply) != REDIS_OK) fail("read", publisher->redis->errstr);
        if (reply == NULL) return;
        check(publisher, reply);
        freeReplyObject(reply);
    }
}

/* Waits for replies, at most until the deadline of the next envelope that can be sent. */
static void wait_for_replies(struct publisher *publisher) {
    const struct options *options = &publisher->options;
    int64_t wait = reply_timeout_seconds * second;
    bool sending_next = publisher->sent < options->count && publisher->sent - publisher->answered < options->depth;
    if (sending_next) {
        wait = deadline(publisher, publisher->sent) - now();
        if (wait < 0) wait = 0;
    }
    struct pollfd socket = {.fd = publisher->redis->fd, .events = POLLIN};
    int ready = ppoll(&socket, 1, &(struct timespec){.tv_sec = wait / second, .tv_nsec = wait % second}, NULL);
    if (ready < 0) fail("poll", strerror(errno));
    if (ready > 0) read_replies(publisher);
    if (ready == 0 && !sending_next) fail("Redis", "no reply in 10 s");
}

static void publish_all(struct publisher *publisher) {
    const struct options *options = &publisher->options;
    publisher->started = now();
    while (publisher->answered < options->count) {
        int64_t due = due_by(publisher, now());
        while (publisher->sent < due && publisher->sent - publisher->answered < options->depth) append_next(publisher);
        flush(publisher);
        wait_for_replies(publisher);
    }
    double seconds = (double)(now() - publisher->started) / (double)second;
    printf("published envelopes=%lld seconds=%.3f rate=%.0f behind_us=%.0f\n", (long long)options->count, seconds,
           (double)options->count / seconds, (double)publisher->latest / 1000);
}

static void usage(void) {
    fprintf(stderr, "usage: publish [-p] [-u] [-r RATE] [-b BURST] [-d DEPTH] [-n DIFFERENT] [-c CHANNELS] "
                    "HOST PORT CHANNEL COUNT SIZE\n");
    exit(64);
}

int main(int argc, char **argv) {
    struct options options = {.burst = 1, .depth = 64};
    for (int option; (option = getopt(argc, argv, "pur:b:d:n:c:")) != -1;) {
        switch (option) {
        case 'p': options.plain = true; break;
        case 'u': options.unheard = true; break;
        case 'r': options.rate = number(optarg, 1); break;
        case 'b': options.burst = number(optarg, 1); break;
        case 'd': options.depth = number(optarg, 1); break;
        case 'n': options.different = number(optarg, 1); break;
        case 'c': options.channels = number(optarg, 1); break;
        default: usage();
        }
    }
    if (argc - optind != 5) usage();
    char **arguments = argv + optind;
    options.channel = arguments[2];
    options.count = number(arguments[3], 1);
    options.payload_size = (size_t)number(arguments[4], chat_smallest_blob + id_digits + 1);

    size_t blob_size = options.payload_size - id_digits - 1;
    struct publisher publisher = {.options = options};
    size_t different = options.different ? (size_t)options.different : pool_bytes / blob_size + 1;
    publisher.chat = chat_create(blob_size, different, seed);
    if (publisher.chat.blobs == NULL) fail("chat", "no memory");
    int port = (int)number(arguments[1], 1);
    publisher.redis = redisConnectWithTimeout(arguments[0], port, (struct timeval){.tv_sec = 5});
    if (publisher.redis == NULL || publisher.redis->err)
        fail("connect", publisher.redis ? publisher.redis->errstr : "no memory");
    prctl(PR_SET_TIMERSLACK, 1); /* the default of 50 us is a whole interval at 20,000 per second */
    name_channels(&publisher);
    if (options.plain) draw_ids(&publisher);
    else load_script(&publisher);
    publish_all(&publisher);
    redisFree(publisher.redis);
    free(publisher.plain_payload);
    free(publisher.channels);
    chat_destroy(&publisher.chat);
    return 0;
}
