// Loaded into the relay by LD_PRELOAD: while the file named by FAILING_WRITES exists, its content decides how writes into
// segment files fail. "write": pwrite fails with EIO; "short": it writes half and then fails; "sync": fdatasync fails with EIO;
// "slow": pwrite takes a second; "stuck": it does not return until the file's content changes.
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/types.h>
#include <unistd.h>

static int is_segment(int descriptor) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", descriptor);
    ssize_t count = readlink(link, path, sizeof path - 1);
    if (count < 0) return 0;
    path[count] = 0;
    return strstr(path, ".mcap") != NULL;
}

static int fails(const char *what, int descriptor) {
    const char *path = getenv("FAILING_WRITES");
    if (path == NULL || !is_segment(descriptor)) return 0;
    int file = open(path, O_RDONLY | O_CLOEXEC);
    if (file < 0) return 0;
    char text[16] = {0};
    ssize_t count = read(file, text, sizeof text - 1);
    close(file);
    return count > 0 && strcmp(text, what) == 0;
}

static ssize_t write_at(const char *name, int descriptor, const void *bytes, size_t count, off_t offset) {
    ssize_t (*next)(int, const void *, size_t, off_t) = dlsym(RTLD_NEXT, name);
    static __thread int interrupted = 0;
    if (fails("write", descriptor) || interrupted) {
        interrupted = 0;
        errno = EIO;
        return -1;
    }
    if (fails("slow", descriptor)) sleep(1);
    while (fails("stuck", descriptor)) usleep(10000);
    if (count > 1 && fails("short", descriptor)) {
        interrupted = 1;
        return next(descriptor, bytes, count / 2, offset);
    }
    return next(descriptor, bytes, count, offset);
}

ssize_t pwrite(int descriptor, const void *bytes, size_t count, off_t offset) {
    return write_at("pwrite", descriptor, bytes, count, offset);
}

ssize_t pwrite64(int descriptor, const void *bytes, size_t count, off_t offset) {
    return write_at("pwrite64", descriptor, bytes, count, offset);
}

int fdatasync(int descriptor) {
    int (*next)(int) = dlsym(RTLD_NEXT, "fdatasync");
    if (fails("sync", descriptor)) {
        errno = EIO;
        return -1;
    }
    return next(descriptor);
}
