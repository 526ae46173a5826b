public import Redis

/// What one bench does.
public struct BenchConfiguration: Sendable {
    /// The smallest payload: a hub message with its ids needs most of that.
    public static let smallestPayload = 200
    /// The largest; a hub message that users wait for is smaller by far.
    public static let largestPayload = 1 << 20

    /// nil starts a redis-server of its own.
    public var redis: RedisConfiguration?
    /// Of an envelope, its id included, to within the digits of the id.
    public var payloadBytes: Int
    /// For which each rate is held.
    public var seconds: Double
    /// The highest rate that is tried, envelopes a second.
    public var highestRate: Int
    /// An existing directory on the disk that is to take the capture; a new one is made in it, and removed.
    public var directory: String
    public var version: String
    public var hostName: String

    public init(
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
