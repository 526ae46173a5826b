/// What a subscriber knows of a subscription that has just been confirmed.
package struct Subscription: Sendable, Equatable {
    /// What the server says of itself; nil if it does not permit INFO.
    package var server: RedisServerInfo?
    /// Our connection's id in `CLIENT LIST`; nil if the server does not permit CLIENT ID.
    package var connectionID: Int?
    /// The server that was subscribed to, `host:port`; with sentinels or several servers it can be another each time.
    package var endpoint: String

    package init(server: RedisServerInfo?, connectionID: Int? = nil, endpoint: String) {
        self.server = server
        self.connectionID = connectionID
        self.endpoint = endpoint
    }
}
