#include "chat.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* Sized so that zstd compresses it like a minute of real traffic (vectors/session.jsonl.zst): 256 KiB of payloads of
 * 200 bytes shrink to about a quarter. */
enum { chatters = 256, vocabulary = 2048, longest_word = 10 };

static const char *const groups[] = {"lobby", "sales", "support", "ops", "dev"};
enum { group_count = sizeof groups / sizeof *groups };

struct generator {
    uint64_t state;
    char words[vocabulary][longest_word + 1];
    char connections[chatters][37];
    char names[chatters][longest_word + 1];
};

/* splitmix64 */
static uint64_t next(struct generator *generator) {
    uint64_t z = generator->state += 0x9E3779B97F4A7C15u;
    z = (z ^ z >> 30) * 0xBF58476D1CE4E5B9u;
    z = (z ^ z >> 27) * 0x94D049BB133111EBu;
    return z ^ z >> 31;
}

static size_t below(struct generator *generator, size_t bound) { return next(generator) % bound; }

static void make_word(struct generator *generator, char *word, size_t length) {
    for (size_t i = 0; i < length; i++) word[i] = (char)('a' + below(generator, 26));
    word[length] = 0;
}

static void make_connection(struct generator *generator, char *guid) {
    uint64_t a = next(generator), b = next(generator);
    snprintf(guid, 37, "%08x-%04x-4%03x-%04x-%012llx", (unsigned)(a >> 32), (unsigned)(a >> 16 & 0xFFFF),
             (unsigned)(a & 0xFFF), (unsigned)(0x8000 | (b >> 48 & 0x3FFF)), (unsigned long long)(b & 0xFFFFFFFFFFFF));
}

static struct generator make_generator(uint64_t seed) {
    struct generator generator = {.state = seed};
    for (size_t i = 0; i < vocabulary; i++)
        make_word(&generator, generator.words[i], 2 + below(&generator, longest_word - 1));
    for (size_t i = 0; i < chatters; i++) {
        make_connection(&generator, generator.connections[i]);
        make_word(&generator, generator.names[i], 3 + below(&generator, 5));
    }
    return generator;
}

static uint8_t *put_int32(uint8_t *at, uint32_t value) {
    for (int shift = 0; shift < 32; shift += 8) *at++ = (uint8_t)(value >> shift);
    return at;
}

static uint8_t *put_int64(uint8_t *at, uint64_t value) {
    return put_int32(put_int32(at, (uint32_t)value), (uint32_t)(value >> 32));
}

/* Every string here is shorter than 128 bytes: its varint length is one byte. */
static uint8_t *put_string(uint8_t *at, const char *string) {
    size_t length = strlen(string);
    *at++ = (uint8_t)length;
    memcpy(at, string, length);
    return at + length;
}

static void put_words(struct generator *generator, uint8_t *at, const uint8_t *end) {
    while (at < end) {
        const char *word = generator->words[below(generator, vocabulary)];
        while (*word && at < end) *at++ = (uint8_t)*word++;
        if (at < end) *at++ = ' ';
    }
}

static void make_blob(struct generator *generator, uint8_t *blob, size_t size) {
    static const char after_text[] = "\"]}";
    static const size_t behind_value = 1 + 1 + 1 + 1 + 8; /* commandId, waitForAck, isAck, filter, ticks */
    size_t chatter = below(generator, chatters);
    char key[40], before_text[120];
    if (below(generator, 3) > 0) {
        snprintf(key, sizeof key, "h-chatHub");
        snprintf(before_text, sizeof before_text, "{\"H\":\"chatHub\",\"M\":\"broadcastMessage\",\"A\":[\"%s\",\"",
                 generator->names[chatter]);
    } else {
        const char *group = groups[below(generator, group_count)];
        snprintf(key, sizeof key, "hg-chatHub.%s", group);
        snprintf(before_text, sizeof before_text, "{\"H\":\"chatHub\",\"M\":\"groupMessage\",\"A\":[\"%s\",\"%s: ",
                 group, generator->names[chatter]);
    }

    uint8_t *at = put_int32(blob, (uint32_t)(size - 4));
    at = put_int32(at, 1);
    at = put_string(at, generator->connections[chatter]);
    at = put_string(at, key);
    uint8_t *value = at + 4, *value_end = blob + size - behind_value;
    put_int32(at, (uint32_t)(value_end - value));
    memcpy(value, before_text, strlen(before_text));
    uint8_t *text_end = value_end - strlen(after_text);
    put_words(generator, value + strlen(before_text), text_end);
    memcpy(text_end, after_text, strlen(after_text));
    memset(value_end, 0, behind_value);
}

struct chat chat_create(size_t size, size_t count, uint64_t seed) {
    struct chat chat = {.blobs = malloc(size * count), .size = size, .count = count};
    if (chat.blobs == NULL) return chat;
    struct generator generator = make_generator(seed);
    for (size_t i = 0; i < count; i++) make_blob(&generator, chat.blobs + i * size, size);
    return chat;
}

void chat_destroy(struct chat *chat) { free(chat->blobs); }

static uint64_t now_in_ticks(void) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return 621355968000000000u + (uint64_t)now.tv_sec * 10000000u + (uint64_t)now.tv_nsec / 100u;
}

const uint8_t *chat_stamped_blob(struct chat *chat, size_t index) {
    uint8_t *blob = chat->blobs + index % chat->count * chat->size;
    put_int64(blob + chat->size - 8, now_in_ticks());
    return blob;
}
