/* Wakes at a fixed rate and does nothing: the minimum lateness of a replay. `run` compares the relay with it.
 *
 * usage: pace absolute|delta RATE SECONDS
 *
 * absolute  sleeps until each deadline, counted from the start (clock_nanosleep, TIMER_ABSTIME).
 * delta     sleeps one interval after another, like a replay without deadlines: lateness accumulates.
 *
 * Standard output: "paced wakes=N p50=NS p99=NS max=NS drift=D". In both modes lateness is relative to the deadlines
 * from the start; drift is the additional time as a share of the rated time. Exit status: 0 done, 1 failed, 64 usage. */
#define _GNU_SOURCE
#include <errno.h>
#include <inttypes.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <time.h>

static const int64_t second = 1000000000;

static int64_t now(void) {
    struct timespec time;
    clock_gettime(CLOCK_MONOTONIC, &time);
    return time.tv_sec * second + time.tv_nsec;
}

static struct timespec timespec_of(int64_t nanoseconds) {
    return (struct timespec){.tv_sec = nanoseconds / second, .tv_nsec = nanoseconds % second};
}

static int ascending(const void *left, const void *right) {
    int64_t a = *(const int64_t *)left, b = *(const int64_t *)right;
    return (a > b) - (a < b);
}

static int64_t at_share(const int64_t *sorted, size_t count, double share) {
    size_t index = (size_t)((double)count * share);
    return sorted[index < count ? index : count - 1];
}

int main(int argc, char **argv) {
    long long rate = argc == 4 ? atoll(argv[2]) : 0, seconds = argc == 4 ? atoll(argv[3]) : 0;
    bool is_absolute = argc == 4 && strcmp(argv[1], "absolute") == 0;
    if (rate < 1 || seconds < 1 || (!is_absolute && strcmp(argv[1], "delta") != 0)) {
        fprintf(stderr, "usage: pace absolute|delta RATE SECONDS\n");
        return 64;
    }
    size_t count = (size_t)(rate * seconds);
    int64_t *late = calloc(count, sizeof *late);
    if (late == NULL) {
        fprintf(stderr, "pace: no memory\n");
        return 1;
    }
    memset(late, 1, count * sizeof *late); /* no page fault while it counts */
    prctl(PR_SET_TIMERSLACK, 1);           /* like the relay */
    struct timespec interval = timespec_of(second / rate);
    int64_t start = now() + second / 1000;
    for (size_t i = 0; i < count; i++) {
        int64_t deadline = start + (int64_t)((double)i * (double)second / (double)rate);
        if (is_absolute || i == 0) {
            struct timespec until = timespec_of(deadline);
            while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &until, NULL) == EINTR) {}
        } else {
            struct timespec rest = interval;
            while (nanosleep(&rest, &rest) != 0 && errno == EINTR) {}
        }
        int64_t woken = now();
        late[i] = woken > deadline ? woken - deadline : 0;
    }
    int64_t rated = (int64_t)((double)(count - 1) * (double)second / (double)rate);
    double drift = rated > 0 ? (double)late[count - 1] / (double)rated : 0;
    qsort(late, count, sizeof *late, ascending);
    printf("paced wakes=%zu p50=%" PRId64 " p99=%" PRId64 " max=%" PRId64 " drift=%.6f\n", count,
           at_share(late, count, 0.5), at_share(late, count, 0.99), late[count - 1], drift);
    free(late);
    return 0;
}
