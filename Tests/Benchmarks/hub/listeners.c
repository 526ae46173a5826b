/* Many webSockets in one process: connects them, broadcasts over the first ones, counts what all of them receive.
 *
 * usage: listeners [-b] [-g GREETING] [-s SENDERS] [-t FILE] [-r READY] [-w WINDOW] PORT COUNT MARKER
 * MESSAGE
 *
 * COUNT      webSockets to 127.0.0.1:PORT, connected one after another.
 * MARKER     what is counted wherever it arrives; its first character must not come again in it.
 * MESSAGE    content of the frame to send; the first '@' after MARKER, or the first one without MARKER, becomes the number
 *            of the broadcast, in eight digits.
 * -b         sends MESSAGE in a binary frame.
 * -g GREETING  text of a frame that each webSocket sends when it is open.
 * -s SENDERS number of webSockets that broadcast in turn (default 1).
 * -t FILE    one request target a line, for each webSocket its own (default: all ask for "/").
 * -r READY   a webSocket is connected once this has arrived (default: the end of the HTTP head).
 * -w WINDOW  maximum number of broadcasts in flight, counted in deliveries (default 1).
 *
 * Standard input: a number of broadcasts per line, each sent after the answer to the previous one; its end is the
 * end. Standard output: "connected listeners=N seconds=S", then for each line
 * "delivered broadcasts=N deliveries=N seconds=S first_us=F", times counted from the first send: to the last delivery,
 * to the first one. Exit status: 0 done, 1 failed (also if a delivery is missing for 10 s), 64 usage. */
#define _GNU_SOURCE /* memmem */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <poll.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/epoll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum { patience_seconds = 10, number_digits = 8, longest_header = 8, longest_request = 4096 };
static const int64_t second = 1000000000;

struct listener {
    int socket;
    uint32_t matched; /* characters of the marker at the end of the received data */
    int64_t received; /* markers in this run */
};

struct listeners {
    struct listener *all;
    int64_t count;
    int64_t window;
    int64_t senders;
    const char *marker;
    uint8_t *frame;
    size_t frame_size;
    char *number; /* its place in the frame */
    int epoll;
    int64_t deliveries; /* total, in this run */
    int64_t first;
    int64_t latest;
};

static int64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * second + time.tv_nsec;
}

static void fail(const char *what, const char *why) {
    fprintf(stderr, "listeners: %s: %s\n", what, why);
    exit(1);
}

static void *memory(size_t count, size_t size) {
    void *memory = calloc(count, size);
    if (memory == NULL) fail("memory", "none left");
    return memory;
}

static int64_t number(const char *text, int64_t least) {
    char *end;
    errno = 0;
    long long value = strtoll(text, &end, 10);
    if (errno || *end || end == text || value < least) {
        fprintf(stderr, "listeners: '%s' is not a whole number of %lld or more\n", text, (long long)least);
        exit(64);
    }
    return value;
}

// MARK: connecting

static void allow_sockets(int64_t count) {
    struct rlimit limit;
    getrlimit(RLIMIT_NOFILE, &limit);
    limit.rlim_cur = limit.rlim_max;
    setrlimit(RLIMIT_NOFILE, &limit);
    if (limit.rlim_max < (rlim_t)count + 16) fail("webSockets", "more than RLIMIT_NOFILE allows (ulimit -Hn)");
}

static void send_all(int socket, const void *data, size_t size) {
    ssize_t sent = send(socket, data, size, MSG_NOSIGNAL);
    if (sent < 0) fail("send", strerror(errno));
    if ((size_t)sent != size) fail("send", "the server does not read");
}

static int open_socket(int64_t port) {
    int opened = socket(AF_INET, SOCK_STREAM, 0);
    if (opened < 0) fail("socket", strerror(errno));
    setsockopt(opened, SOL_SOCKET, SO_RCVTIMEO, &(struct timeval){.tv_sec = patience_seconds}, sizeof(struct timeval));
    setsockopt(opened, SOL_SOCKET, SO_SNDTIMEO, &(struct timeval){.tv_sec = patience_seconds}, sizeof(struct timeval));
    setsockopt(opened, IPPROTO_TCP, TCP_NODELAY, &(int){1}, sizeof(int));
    struct sockaddr_in address = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port),
                                  .sin_addr.s_addr = htonl(INADDR_LOOPBACK)};
    if (connect(opened, (struct sockaddr *)&address, sizeof address) != 0) fail("connect", strerror(errno));
    return opened;
}

/* The header of a client's frame, masked with zeros, so that the content stays as it is. Returns its end. */
static uint8_t *write_header(uint8_t *at, bool is_binary, size_t size) {
    *at++ = is_binary ? 0x82 : 0x81;
    if (size < 126) {
        *at++ = (uint8_t)(0x80 | size);
    } else {
        *at++ = 0x80 | 126;
        *at++ = (uint8_t)(size >> 8);
        *at++ = (uint8_t)size;
    }
    return at + 4;
}

static void greet(int socket, const char *greeting) {
    uint8_t frame[longest_header + longest_request] = {0};
    size_t size = strlen(greeting);
    if (size > longest_request) fail("GREETING", "too long");
    uint8_t *at = write_header(frame, false, size);
    memcpy(at, greeting, size);
    send_all(socket, frame, (size_t)(at - frame) + size);
}

static int connect_one(int64_t port, const char *target, const char *greeting, const char *ready) {
    int socket = open_socket(port);
    char request[longest_request], answer[longest_request];
    int length = snprintf(request, sizeof request,
                          "GET %s HTTP/1.1\r\nHost: 127.0.0.1\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
                          "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n", target);
    if (length >= longest_request) fail("request target", "too long");
    send_all(socket, request, (size_t)length);
    size_t filled = 0;
    bool is_greeted = greeting == NULL;
    while (!is_greeted || memmem(answer, filled, ready, strlen(ready)) == NULL) {
        if (filled == sizeof answer) fail("connect", "an answer that does not end");
        ssize_t part = recv(socket, answer + filled, sizeof answer - filled, 0);
        if (part < 0) fail("connect", errno == EAGAIN ? "no answer in 10 s" : strerror(errno));
        filled += (size_t)part;
        static const char expected[] = "HTTP/1.1 101 ";
        size_t seen = filled < sizeof expected - 1 ? filled : sizeof expected - 1;
        if (part == 0 || memcmp(answer, expected, seen) != 0) {
            fprintf(stderr, "listeners: refused: %.*s\n", (int)(filled < 300 ? filled : 300), answer);
            exit(1);
        }
        if (!is_greeted && memmem(answer, filled, "\r\n\r\n", 4) != NULL) {
            greet(socket, greeting);
            is_greeted = true;
        }
    }
    if (fcntl(socket, F_SETFL, O_NONBLOCK) != 0) fail("fcntl", strerror(errno));
    return socket;
}

static void connect_all(struct listeners *listeners, int64_t port, const char *targets, const char *greeting,
                        const char *ready) {
    FILE *file = targets ? fopen(targets, "r") : NULL;
    if (targets && file == NULL) fail(targets, strerror(errno));
    listeners->epoll = epoll_create1(0);
    if (listeners->epoll < 0) fail("epoll", strerror(errno));
    char line[longest_request] = "/";
    for (int64_t i = 0; i < listeners->count; i++) {
        if (file && fgets(line, sizeof line, file) == NULL) fail(targets, "fewer lines than webSockets");
        line[strcspn(line, "\n")] = 0;
        listeners->all[i].socket = connect_one(port, line, greeting, ready);
        struct epoll_event event = {.events = EPOLLIN, .data.u64 = (uint64_t)i};
        if (epoll_ctl(listeners->epoll, EPOLL_CTL_ADD, listeners->all[i].socket, &event) != 0)
            fail("epoll", strerror(errno));
    }
    if (file) fclose(file);
}

// MARK: sending

static void make_frame(struct listeners *listeners, bool is_binary, const char *message) {
    const char *marked = strstr(message, listeners->marker);
    const char *place = strchr(marked ? marked : message, '@');
    if (place == NULL) {
        fprintf(stderr, "listeners: no '@' in MESSAGE\n");
        exit(64);
    }
    size_t before = (size_t)(place - message), size = strlen(message) - 1 + number_digits;
    if (size > UINT16_MAX) fail("MESSAGE", "longer than 65,535 bytes");
    uint8_t *at = listeners->frame = memory(1, longest_header + size + 1);
    at = write_header(at, is_binary, size);
    memcpy(at, message, before);
    listeners->number = (char *)at + before;
    memcpy(at + before + number_digits, place + 1, size - before - number_digits);
    listeners->frame_size = (size_t)(at - listeners->frame) + size;
}

static void broadcast(struct listeners *listeners, int64_t index) {
    int sender = listeners->all[index % listeners->senders].socket;
    for (int digit = number_digits - 1; digit >= 0; digit--, index /= 10)
        listeners->number[digit] = (char)('0' + index % 10);
    send_all(sender, listeners->frame, listeners->frame_size);
}

// MARK: receiving

static int64_t count_markers(const char *marker, uint32_t *matched, const char *at, size_t size) {
    int64_t count = 0;
    const char *end = at + size;
    while (at < end) {
        if (*matched == 0 && (at = memchr(at, marker[0], (size_t)(end - at))) == NULL) break;
        if (*at == marker[*matched]) {
            at += 1;
            if (marker[*matched += 1] == 0) {
                count += 1;
                *matched = 0;
            }
        } else {
            *matched = 0; /* and check this character again: it may start the marker */
        }
    }
    return count;
}

/* Reads what has arrived; waits for it up to `wait` milliseconds. */
static void receive(struct listeners *listeners, int wait) {
    static struct epoll_event events[1024];
    static char data[64 * 1024];
    int ready = epoll_wait(listeners->epoll, events, sizeof events / sizeof *events, wait);
    if (ready < 0 && errno != EINTR) fail("epoll", strerror(errno));
    for (int i = 0; i < ready; i++) {
        struct listener *listener = &listeners->all[events[i].data.u64];
        ssize_t size = recv(listener->socket, data, sizeof data, 0);
        if (size < 0 && errno == EAGAIN) continue;
        if (size < 0) fail("receive", strerror(errno));
        if (size == 0) fail("receive", "the server closed a webSocket");
        int64_t count = count_markers(listeners->marker, &listener->matched, data, (size_t)size);
        if (count == 0) continue; /* a keep-alive, a response */
        listener->received += count;
        listeners->deliveries += count;
        listeners->latest = now();
        if (listeners->first == 0) listeners->first = listeners->latest;
    }
}

static void run(struct listeners *listeners, int64_t broadcasts) {
    for (int64_t i = 0; i < listeners->count; i++) listeners->all[i].received = 0;
    listeners->deliveries = listeners->first = 0;
    int64_t started = listeners->latest = now(), sent = 0, expected = broadcasts * listeners->count;
    while (listeners->deliveries < expected) {
        while (sent < broadcasts &&
               sent * listeners->count - listeners->deliveries <= (listeners->window - 1) * listeners->count)
            broadcast(listeners, sent++);
        receive(listeners, 1000);
        if (now() - listeners->latest > patience_seconds * second) {
            fprintf(stderr, "listeners: %lld of %lld deliveries, then none for %d s\n",
                    (long long)listeners->deliveries, (long long)expected, patience_seconds);
            exit(1);
        }
    }
    for (int64_t i = 0; i < listeners->count; i++)
        if (listeners->all[i].received != broadcasts) fail("receive", "a webSocket got another number than was sent");
    printf("delivered broadcasts=%lld deliveries=%lld seconds=%.6f first_us=%lld\n", (long long)broadcasts,
           (long long)listeners->deliveries, (double)(listeners->latest - started) / (double)second,
           (long long)(listeners->first - started) / 1000);
    fflush(stdout);
}

/* Reads between runs too: a server considers a client that reads nothing dead. */
static void run_as_told(struct listeners *listeners) {
    struct pollfd sources[] = {{.fd = STDIN_FILENO, .events = POLLIN}, {.fd = listeners->epoll, .events = POLLIN}};
    char line[32];
    for (;;) {
        if (poll(sources, 2, -1) < 0) fail("poll", strerror(errno));
        if (sources[1].revents) receive(listeners, 0);
        if (sources[0].revents == 0) continue;
        if (fgets(line, sizeof line, stdin) == NULL) return;
        line[strcspn(line, "\n")] = 0;
        run(listeners, number(line, 1));
    }
}

int main(int argc, char **argv) {
    struct listeners listeners = {.window = 1, .senders = 1};
    const char *targets = NULL, *greeting = NULL, *ready = "\r\n\r\n";
    bool wrong = false, is_binary = false;
    for (int option; (option = getopt(argc, argv, "bg:s:t:r:w:")) != -1;) {
        switch (option) {
        case 'b': is_binary = true; break;
        case 'g': greeting = optarg; break;
        case 's': listeners.senders = number(optarg, 1); break;
        case 't': targets = optarg; break;
        case 'r': ready = optarg; break;
        case 'w': listeners.window = number(optarg, 1); break;
        default: wrong = true;
        }
    }
    if (wrong || argc - optind != 4) {
        fprintf(stderr, "usage: listeners [-b] [-g GREETING] [-s SENDERS] [-t FILE] [-r READY] [-w WINDOW] PORT COUNT MARKER MESSAGE\n");
        return 64;
    }
    char **arguments = argv + optind;
    listeners.count = number(arguments[1], 1);
    if (listeners.senders > listeners.count) listeners.senders = listeners.count;
    listeners.marker = arguments[2];
    if (listeners.marker[0] == 0 || strchr(listeners.marker + 1, listeners.marker[0])) {
        fprintf(stderr, "listeners: the first character of '%s' comes again in it\n", listeners.marker);
        return 64;
    }
    make_frame(&listeners, is_binary, arguments[3]);
    allow_sockets(listeners.count);
    listeners.all = memory((size_t)listeners.count, sizeof *listeners.all);
    int64_t started = now();
    connect_all(&listeners, number(arguments[0], 1), targets, greeting, ready);
    printf("connected listeners=%lld seconds=%.3f\n", (long long)listeners.count,
           (double)(now() - started) / (double)second);
    fflush(stdout);
    run_as_told(&listeners);
    return 0;
}
