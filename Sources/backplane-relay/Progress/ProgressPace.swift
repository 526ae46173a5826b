/// When to show progress: not in the first second, which suffices for most operations, then ten times a second.
struct ProgressPace: Sendable {
    static let delay: UInt64 = 1_000_000_000
    static let interval: UInt64 = 100_000_000

    private var nextAt: UInt64

    /// - Parameter start: monotonic, in nanoseconds.
    init(start: UInt64) {
        nextAt = start + Self.delay
    }

    /// Whether to show progress now.
    mutating func admit(at now: UInt64) -> Bool {
        guard now >= nextAt else { return false }
        nextAt = now + Self.interval
        return true
    }
}
