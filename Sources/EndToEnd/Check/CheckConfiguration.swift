public import Redis

/// What one check does.
public struct CheckConfiguration: Sendable {
    public var redis: RedisConfiguration
    /// The event key.
    public var channel: String
    /// How many nodes to start in this process; not used with ``hubs``.
    public var nodeCount: Int
    /// Running nodes to check instead.
    public var hubs: [NodeURL]
    public var transports: [TransportKind]
    /// Broadcasts, spread over all clients.
    public var messages: Int
    public var version: String

    public init(
        redis: RedisConfiguration, channel: String, nodeCount: Int = 2, hubs: [NodeURL] = [],
        transports: [TransportKind] = TransportKind.allCases, messages: Int = 100, version: String
    ) {
        precondition(nodeCount > 0 && messages > 0 && !transports.isEmpty && !channel.isEmpty)
        self.redis = redis
        self.channel = channel
        self.nodeCount = nodeCount
        self.hubs = hubs
        self.transports = transports
        self.messages = messages
        self.version = version
    }
}
