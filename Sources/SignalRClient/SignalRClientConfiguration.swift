/// The configuration of a client.
package struct SignalRClientConfiguration: Sendable {
    /// Where it starts; ``SignalRClient/reconnect(to:)`` may move it to another node.
    package var node: NodeURL
    /// Names of the hubs to use, case-insensitive.
    package var hubs: [String]
    /// How messages travel: the only transport that is tried.
    package var transport: ClientTransport
    /// Sent with every request, such as `user`.
    package var query: [(name: String, value: String)]
    /// Whether the client recovers a lost transport by itself, while the node remembers it. Never after
    /// ``SignalRClient/dropTransport()``.
    package var reconnectsByItself: Bool
    /// The longest wait for a TCP connection, and for the whole response to a request.
    package var requestTimeout: Duration
    /// From opening a transport to its first frame; nil uses the node's value, usually 5 s.
    package var openTimeout: Duration?
    /// The longest wait for the result of a call; longer than the 30 to 35 s after which a node gives up a group
    /// command.
    package var callTimeout: Duration

    /// The defaults: webSockets, 10 s for a request, 40 s for a call.
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
