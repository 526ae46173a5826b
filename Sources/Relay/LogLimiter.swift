/// Keeps a repeated log line from flooding the log: one a second, then how many were left out.
public struct LogLimiter: Sendable {
    static let interval: UInt64 = 1_000_000_000

    private var nextAt: UInt64 = 0
    private var suppressed = 0

    public init() {}

    /// - Parameter now: monotonic, in nanoseconds.
    /// - Returns: nil if the line should be left out; else how many were, since the last one written.
    public mutating func admit(at now: UInt64) -> Int? {
        guard now >= nextAt else {
            suppressed += 1
            return nil
        }
        nextAt = now + Self.interval
        defer { suppressed = 0 }
        return suppressed
    }
}
