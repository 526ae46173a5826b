#define _GNU_SOURCE
#include "CLinux.h"

#include <fcntl.h>
#include <sys/prctl.h>

int clinux_forbid_core_dumps(void) {
    return prctl(PR_SET_DUMPABLE, 0L, 0L, 0L, 0L);
}

int clinux_open_nameless(const char *directory) {
    return open(directory, O_TMPFILE | O_WRONLY | O_CLOEXEC, 0600);
}

void clinux_precise_timers(void) {
    prctl(PR_SET_TIMERSLACK, 1L, 0L, 0L, 0L);
}
