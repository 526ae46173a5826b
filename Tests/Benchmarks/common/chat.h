/* Synthetic SignalR 2 traffic: blobs in the form that a node passes to its publish script (protocol, section 1). */
#ifndef CHAT_H
#define CHAT_H

#include <stddef.h>
#include <stdint.h>

/* `count` blobs of `size` bytes each, contiguous. */
struct chat {
    uint8_t *blobs;
    size_t size;
    size_t count;
};

/* The smallest blob that `chat_create` can create. */
enum { chat_smallest_blob = 160 };

/* Blobs of one hub message each: an invocation of `broadcastMessage` or `groupMessage` with a sender and a line of
 * words. The same `seed` gives the same blobs. `size` must be `chat_smallest_blob` at least. `blobs` is NULL if
 * memory is exhausted. */
struct chat chat_create(size_t size, size_t count, uint64_t seed);
void chat_destroy(struct chat *chat);

/* Blob number `index` modulo `count`, its creation time set to now. Valid until the next call for it. */
const uint8_t *chat_stamped_blob(struct chat *chat, size_t index);

#endif
