/// Keeps a repeated log line from flooding the log: one a second, then how many were left out.
///
/// For lines of one kind; ``flush(at:)`` says what it holds back when no more come.
package struct LogLimiter: Sendable {
    static let interval: UInt64 = 1_000_000_000

    private var nextAt: UInt64 = 0
    private var suppressed = 0

    package init() {}

    /// - Parameter now: monotonic, in nanoseconds.
    /// - Returns: nil if the line should be left out; else how many were, since the last one written.
    package mutating func admit(at now: UInt64) -> Int? {
        guard now >= nextAt else {
            suppressed += 1
            return nil
        }
        nextAt = now + Self.interval
        defer { suppressed = 0 }
        return suppressed
    }

    /// - Parameter now: as above; `.max` at the end.
    /// - Returns: how many lines are held back and would stay so, if no more come; nil for none, or not yet.
    package mutating func flush(at now: UInt64) -> Int? {
        guard suppressed > 0, now >= nextAt else { return nil }
        defer { suppressed = 0 }
        return suppressed
    }
}
