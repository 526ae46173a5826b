/// Delay before the next connection attempt: doubling from 100 ms to 10 s, with jitter so that many relays do not
/// return to a restarted Redis in step.
package struct ReconnectBackoff: Sendable {
    private let first: Duration
    private let limit: Duration
    private var ceiling: Duration

    /// - Parameters:
    ///   - first: the longest delay before the second attempt.
    ///   - limit: maximum delay.
    package init(first: Duration = .milliseconds(100), limit: Duration = .seconds(10)) {
        precondition(first > .zero && limit >= first)
        self.first = first
        self.limit = limit
        ceiling = first
    }

    /// The next delay: between half of the ceiling and the ceiling, which then doubles up to the limit.
    package mutating func next(using random: inout some RandomNumberGenerator) -> Duration {
        defer { ceiling = min(ceiling * 2, limit) }
        return ceiling * Double.random(in: 0.5...1, using: &random)
    }

    /// After a success the next delay is short again.
    package mutating func reset() {
        ceiling = first
    }
}
