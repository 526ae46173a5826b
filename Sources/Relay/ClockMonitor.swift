import Capture
import Time

/// Notices when the clock of the day jumps, by comparing it with one that cannot.
struct ClockMonitor {
    /// Less than this between two looks is drift or slewing, not a step.
    static let threshold: UInt64 = 50_000_000

    private var last: Moment?

    /// - Returns: how far the clock jumped since the last look, in nanoseconds, negative for back; nil if it did not.
    mutating func observe(_ now: Moment) -> Int64? {
        defer { last = now }
        guard let last else { return nil }
        let byDay = Int64(bitPattern: now.realtime &- last.realtime)
        let passed = Int64(bitPattern: now.monotonic &- last.monotonic)
        let step = byDay &- passed
        return step.magnitude >= Self.threshold ? step : nil
    }
}
