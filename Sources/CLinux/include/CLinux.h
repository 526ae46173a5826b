#ifndef CLINUX_H
#define CLINUX_H

// What Swift cannot import of Linux: calls with variable arguments, and macros.

/// From now on the kernel writes no core file of this process, and shows its environment and memory to root only.
///
/// Returns 0, or -1 with errno.
int clinux_forbid_core_dumps(void);

/// Opens a file in a directory that has no name, so that nothing is left of it.
///
/// Returns its descriptor, or -1 with errno.
int clinux_open_nameless(const char *directory);

/// Timers of the calling thread fire when they are due, not up to 50 us later.
void clinux_precise_timers(void);

#endif
