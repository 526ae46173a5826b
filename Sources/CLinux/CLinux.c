#define _GNU_SOURCE
#include "CLinux.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <sys/prctl.h>
#include <termios.h>
#include <time.h>
#include <unistd.h>

int clinux_forbid_core_dumps(void) {
    return prctl(PR_SET_DUMPABLE, 0L, 0L, 0L, 0L);
}

int clinux_flush_standard_output(void) {
    errno = 0;
    if (fflush(stdout) == 0 && !ferror(stdout)) return 0;
    // The cause of an earlier failure is gone; the most likely one is said.
    return errno != 0 ? errno : ENOSPC;
}

int clinux_open_nameless(const char *directory) {
    return open(directory, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
}

void clinux_precise_timers(void) {
    prctl(PR_SET_TIMERSLACK, 1L, 0L, 0L, 0L);
}

void clinux_sleep_until(uint64_t deadline) {
    struct timespec time = {.tv_sec = (time_t)(deadline / 1000000000), .tv_nsec = (long)(deadline % 1000000000)};
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &time, NULL) == EINTR) {}
}

// The terminal whose keys come one by one; handlers of signals run at any moment and on any thread, so this is all they use.
static int terminal = -1;
static struct termios as_found;
static struct termios as_wanted;
static volatile sig_atomic_t is_held;
static const int ends[] = {SIGHUP, SIGQUIT, SIGILL, SIGTRAP, SIGABRT, SIGBUS, SIGFPE, SIGSEGV};
static struct sigaction previous[NSIG];

static int is_in_foreground(void) {
    return tcgetpgrp(terminal) == getpgrp();
}

// Puts the terminal in order, then lets happen what would have happened.
static void on_end(int number) {
    int code = errno;
    if (is_held && is_in_foreground()) tcsetattr(terminal, TCSANOW, &as_found);
    sigaction(number, &previous[number], NULL);
    raise(number);
    errno = code;
}

static void on_stop(int number) {
    int code = errno;
    if (is_held && is_in_foreground()) tcsetattr(terminal, TCSANOW, &as_found);
    struct sigaction ours;
    sigaction(number, &previous[number], &ours);
    sigset_t unblocked;
    sigset_t before;
    sigemptyset(&unblocked);
    sigaddset(&unblocked, number);
    pthread_sigmask(SIG_UNBLOCK, &unblocked, &before);
    raise(number);
    // Continued.
    pthread_sigmask(SIG_SETMASK, &before, NULL);
    sigaction(number, &ours, NULL);
    errno = code;
}

static void on_continue(int number) {
    (void)number;
    int code = errno;
    if (is_held && is_in_foreground()) tcsetattr(terminal, TCSANOW, &as_wanted);
    errno = code;
}

static void take(int number, void (*handler)(int)) {
    struct sigaction action = {.sa_handler = handler, .sa_flags = SA_RESTART};
    sigemptyset(&action.sa_mask);
    sigaction(number, NULL, &previous[number]);
    // A signal that the caller ignores stays ignored.
    if (previous[number].sa_handler != SIG_IGN) sigaction(number, &action, NULL);
}

int clinux_take_keys(int descriptor) {
    terminal = descriptor;
    if (!is_in_foreground() || tcgetattr(descriptor, &as_found) != 0) return -1;
    as_wanted = as_found;
    as_wanted.c_lflag &= ~(tcflag_t)(ICANON | ECHO);
    for (unsigned index = 0; index < sizeof ends / sizeof *ends; index++) take(ends[index], on_end);
    take(SIGTSTP, on_stop);
    take(SIGCONT, on_continue);
    is_held = 1;
    return tcsetattr(descriptor, TCSANOW, &as_wanted);
}

int clinux_has_keys(void) {
    return is_held && is_in_foreground();
}

void clinux_give_keys_back(void) {
    if (!is_held) return;
    is_held = 0;
    if (is_in_foreground()) tcsetattr(terminal, TCSANOW, &as_found);
}
