// Loaded into the relay by LD_PRELOAD: shifts its wall clock by the seconds in the file named by STEPPING_CLOCK, and
// follows changes of that file at once, as if the clock was set. Other clocks stay correct. Waits until a wall-clock time
// end when this clock reaches it, as in the kernel.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdatomic.h>
#include <stdlib.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

// Waits check the clock this often.
#define SLICE 10000000
// Every wall-clock time is above this, no monotonic clock is.
#define TIME_OF_DAY 1000000000

static int (*true_clock)(clockid_t, struct timespec *);

static long offset(void) {
    static _Atomic(const char *) name;
    const char *path = atomic_load(&name);
    if (path == NULL) {
        path = getenv("STEPPING_CLOCK");
        if (path == NULL) return 0;
        atomic_store(&name, path);
    }
    int saved = errno, file = open(path, O_RDONLY | O_CLOEXEC);
    char text[32] = {0};
    if (file >= 0) {
        if (read(file, text, sizeof text - 1) < 0) text[0] = 0;
        close(file);
    }
    errno = saved;
    return atol(text);
}

int clock_gettime(clockid_t clock, struct timespec *time) {
    if (true_clock == NULL) true_clock = dlsym(RTLD_NEXT, "clock_gettime");
    int result = true_clock(clock, time);
    if (result == 0 && (clock == CLOCK_REALTIME || clock == CLOCK_REALTIME_COARSE)) time->tv_sec += offset();
    return result;
}

int gettimeofday(struct timeval *time, void *zone) {
    struct timespec now;
    (void)zone;
    clock_gettime(CLOCK_REALTIME, &now);
    time->tv_sec = now.tv_sec;
    time->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *result) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (result != NULL) *result = now.tv_sec;
    return now.tv_sec;
}

static int reached(const struct timespec *deadline) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    return now.tv_sec > deadline->tv_sec || (now.tv_sec == deadline->tv_sec && now.tv_nsec >= deadline->tv_nsec);
}

// The end of the next slice, by the true clock.
static struct timespec slice(void) {
    struct timespec end;
    clock_gettime(CLOCK_REALTIME, &end);
    end.tv_sec -= offset();
    end.tv_nsec += SLICE;
    if (end.tv_nsec >= 1000000000) {
        end.tv_nsec -= 1000000000;
        end.tv_sec += 1;
    }
    return end;
}

typedef int (*timed_wait)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *);

int pthread_cond_timedwait(pthread_cond_t *condition, pthread_mutex_t *mutex, const struct timespec *deadline) {
    static _Atomic(timed_wait) found;
    timed_wait next = atomic_load(&found);
    if (next == NULL) {
        // The default version of x86-64, of aarch64, and any other.
        next = dlvsym(RTLD_NEXT, "pthread_cond_timedwait", "GLIBC_2.3.2");
        if (next == NULL) next = dlvsym(RTLD_NEXT, "pthread_cond_timedwait", "GLIBC_2.17");
        if (next == NULL) next = dlsym(RTLD_NEXT, "pthread_cond_timedwait");
        atomic_store(&found, next);
    }
    if (deadline->tv_sec < TIME_OF_DAY) return next(condition, mutex, deadline);
    while (!reached(deadline)) {
        struct timespec end = slice();
        int result = next(condition, mutex, &end);
        if (result != ETIMEDOUT) return result;
    }
    return ETIMEDOUT;
}

int sem_timedwait(sem_t *semaphore, const struct timespec *deadline) {
    static int (*next)(sem_t *, const struct timespec *);
    if (next == NULL) next = dlsym(RTLD_NEXT, "sem_timedwait");
    while (!reached(deadline)) {
        struct timespec end = slice();
        int result = next(semaphore, &end);
        if (result == 0 || errno != ETIMEDOUT) return result;
    }
    errno = ETIMEDOUT;
    return -1;
}
