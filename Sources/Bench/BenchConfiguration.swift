package import Redis

/// The configuration of a bench.
package struct BenchConfiguration: Sendable {
    /// The smallest payload: a hub message with its ids needs most of it.
    package static let smallestPayload = 200
    /// The largest payload; hub messages that users wait for are far smaller.
    package static let largestPayload = 1 << 20

    /// nil starts a redis-server.
    package var redis: RedisConfiguration?
    /// Size of an envelope including its id, give or take the digits of the id.
    package var payloadBytes: Int
    /// How long each rate is held.
    package var seconds: Double
    /// The highest rate to try, in envelopes per second.
    package var highestRate: Int
    /// An existing directory on the disk for the capture; a new one is created in it and removed.
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
