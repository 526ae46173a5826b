package import SignalRClient
package import Redis

/// What one check does.
package struct CheckConfiguration: Sendable {
    package var redis: RedisConfiguration
    /// The event key.
    package var channel: String
    /// How many nodes to start in this process; not used with ``hubs``.
    package var nodeCount: Int
    /// Running nodes to check instead.
    package var hubs: [NodeURL]
    package var transports: [ClientTransport]
    /// Broadcasts, spread over all clients.
    package var messages: Int
    package var version: String

    package init(
        redis: RedisConfiguration, channel: String, nodeCount: Int = 2, hubs: [NodeURL] = [],
        transports: [ClientTransport] = ClientTransport.allCases, messages: Int = 100, version: String
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
