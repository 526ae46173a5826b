import CLinux

enum PreciseSleep {
    /// - Parameter deadline: on the monotonic clock, in nanoseconds; absolute, so that no error adds up.
    static func until(_ deadline: UInt64) {
        clinux_sleep_until(deadline)
    }
}
