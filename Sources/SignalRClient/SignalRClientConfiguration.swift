/// What a client is told at its start.
package struct SignalRClientConfiguration: Sendable {
    package var node: NodeURL
    /// Names of the hubs to talk to, in any case.
    package var hubs: [String]
    package var transport: ClientTransport
    /// Sent with every request, such as `user`.
    package var query: [(name: String, value: String)]
    /// Whether the client tries to get a lost transport back by itself, for as long as the node remembers it. It never
    /// does after ``SignalRClient/dropTransport()``.
    package var reconnectsByItself: Bool
    /// The longest wait for a TCP connection, and for the whole answer to a request.
    package var requestTimeout: Duration
    /// From opening a transport to its first frame; nil takes what the node says, 5 s usually.
    package var openTimeout: Duration?
    /// The longest wait for the result of a call; above the 30 to 35 s after which a node gives up a group command.
    package var callTimeout: Duration

    package init(
        node: NodeURL, hubs: [String], transport: ClientTransport = .webSockets,
        query: [(name: String, value: String)] = [], reconnectsByItself: Bool = true,
        requestTimeout: Duration = .seconds(10), openTimeout: Duration? = nil, callTimeout: Duration = .seconds(40)
    ) {
        self.node = node
        self.hubs = hubs
        self.transport = transport
        self.query = query
        self.reconnectsByItself = reconnectsByItself
        self.requestTimeout = requestTimeout
        self.openTimeout = openTimeout
        self.callTimeout = callTimeout
    }
}
