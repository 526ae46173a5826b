package import Redis

/// What one bench does.
package struct BenchConfiguration: Sendable {
    /// The smallest payload: a hub message with its ids needs most of that.
    package static let smallestPayload = 200
    /// The largest; a hub message that users wait for is smaller by far.
    package static let largestPayload = 1 << 20

    /// nil starts a redis-server of its own.
    package var redis: RedisConfiguration?
    /// Of an envelope, its id included, to within the digits of the id.
    package var payloadBytes: Int
    /// For which each rate is held.
    package var seconds: Double
    /// The highest rate that is tried, envelopes a second.
    package var highestRate: Int
    /// An existing directory on the disk that is to take the capture; a new one is made in it, and removed.
    package var directory: String
    package var version: String
    package var hostName: String

    package init(
        redis: RedisConfiguration? = nil, payloadBytes: Int = 200, seconds: Double = 5, highestRate: Int = 1_000_000,
        directory: String, version: String, hostName: String
    ) {
        precondition((Self.smallestPayload...Self.largestPayload).contains(payloadBytes))
        precondition(seconds > 0 && highestRate > 0)
        self.redis = redis
        self.payloadBytes = payloadBytes
        self.seconds = seconds
        self.highestRate = highestRate
        self.directory = directory
        self.version = version
        self.hostName = hostName
    }
}
