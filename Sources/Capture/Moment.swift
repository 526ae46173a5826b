#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// One reading of both clocks. Time comes in as an argument everywhere below, so that a test can make its own.
package struct Moment: Sendable, Equatable {
    /// Nanoseconds since 1970; can step.
    package var realtime: UInt64
    /// Nanoseconds since some start; never steps back.
    package var monotonic: UInt64

    package init(realtime: UInt64, monotonic: UInt64) {
        self.realtime = realtime
        self.monotonic = monotonic
    }

    package static func now() -> Moment {
        Moment(realtime: read(CLOCK_REALTIME), monotonic: read(CLOCK_MONOTONIC))
    }

    private static func read(_ clock: clockid_t) -> UInt64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
}
