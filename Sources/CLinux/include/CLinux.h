#ifndef CLINUX_H
#define CLINUX_H

#include <stdint.h>

// What Swift cannot import of Linux: calls with variable arguments, and macros.

/// From now on the kernel writes no core file of this process, and shows its environment and memory to root only.
///
/// Returns 0, or -1 with errno.
int clinux_forbid_core_dumps(void);

// Writes what stdio has buffered of standard output; the error number if any of it, at any time, could not be written.
int clinux_flush_standard_output(void);

/// Opens a file in a directory that has no name, so that nothing is left of it.
///
/// Returns its descriptor, or -1 with errno.
int clinux_open_nameless(const char *directory);

/// Timers of the calling thread fire when they are due, not up to 50 us later.
void clinux_precise_timers(void);

/// Sleeps until a time of the monotonic clock, in nanoseconds; not at all if it has passed.
void clinux_sleep_until(uint64_t deadline);

/// Lets the keys of a terminal come one by one and unseen, and sees to it that the terminal is as it was while the process
/// is stopped (Ctrl-Z), and when a signal ends it. For one terminal, once.
///
/// Returns 0, or -1 if it is no terminal or another process has it.
int clinux_take_keys(int descriptor);

/// Whether keys come here: not while the process is in the background.
int clinux_has_keys(void);

/// The terminal as it was.
void clinux_give_keys_back(void);

#endif
