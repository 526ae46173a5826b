#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// One reading of both clocks. Time comes in as an argument everywhere below, so that a test can make its own.
public struct Moment: Sendable, Equatable {
    /// Nanoseconds since 1970; can step.
    public var realtime: UInt64
    /// Nanoseconds since some start; never steps back.
    public var monotonic: UInt64

    public init(realtime: UInt64, monotonic: UInt64) {
        self.realtime = realtime
        self.monotonic = monotonic
    }

    public static func now() -> Moment {
        Moment(realtime: read(CLOCK_REALTIME), monotonic: read(CLOCK_MONOTONIC))
    }

    private static func read(_ clock: clockid_t) -> UInt64 {
        var time = timespec()
        clock_gettime(clock, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
}
