import CLinux
import Capture
import Time

enum PreciseSleep {
    /// - Parameter deadline: on the monotonic clock, in nanoseconds; absolute, so that no error adds up.
    static func until(_ deadline: UInt64) {
        clinux_sleep_until(deadline)
    }

    /// Keeps the processor, which is why it must be near.
    ///
    /// - Parameter deadline: on the monotonic clock, in nanoseconds.
    static func spin(until deadline: UInt64) {
        while Moment.now().monotonic < deadline {}
    }
}
