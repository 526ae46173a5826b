import NIOCore

/// How long to wait before the next attempt to reconnect.
enum RetryDelay {
    private static let first: TimeAmount = .milliseconds(200)
    private static let longest: TimeAmount = .seconds(2)

    /// - Parameter attempt: 0 for the first one, which is immediate.
    /// - Returns: from 0 up to 2 s, randomized so that thousands of clients of one node do not reconnect at once.
    static func delay(attempt: Int, using random: inout some RandomNumberGenerator) -> TimeAmount {
        guard attempt > 0 else { return .zero }
        let delay = min(first.nanoseconds << min(attempt - 1, 8), longest.nanoseconds)
        return .nanoseconds(Int64.random(in: delay / 2...delay, using: &random))
    }
}
