#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The clocks of this machine. Nothing else in the program reads a clock, except event loops and `ContinuousClock` for
/// waiting tasks.
package enum SystemClock {
    /// Nanoseconds since 1970; can step.
    package static func realtime() -> UInt64 { read(CLOCK_REALTIME) }

    /// Nanoseconds since an arbitrary start; never steps back.
    package static func monotonic() -> UInt64 { read(CLOCK_MONOTONIC) }

    /// CPU time of this process, user and system, in seconds.
    package static func processSeconds() -> Double { Double(read(CLOCK_PROCESS_CPUTIME_ID)) * 1e-9 }

    /// CPU time of this thread, user and system, in seconds.
    package static func threadSeconds() -> Double { Double(read(CLOCK_THREAD_CPUTIME_ID)) * 1e-9 }

    private static func read(_ clock: clockid_t) -> UInt64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
}

/// One reading of both clocks. Everywhere else time is an argument, so that tests can choose it.
package struct Moment: Sendable, Equatable {
    /// Nanoseconds since 1970; can step.
    package var realtime: UInt64
    /// Nanoseconds since an arbitrary start; never steps back.
    package var monotonic: UInt64

    /// Both in nanoseconds; the first since 1970.
    package init(realtime: UInt64, monotonic: UInt64) {
        self.realtime = realtime
        self.monotonic = monotonic
    }

    /// Reads both clocks.
    package static func now() -> Moment {
        Moment(realtime: SystemClock.realtime(), monotonic: SystemClock.monotonic())
    }
}
