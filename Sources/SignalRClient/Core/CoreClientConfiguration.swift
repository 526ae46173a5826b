package import Backplane

/// The configuration of a client of ASP.NET Core SignalR; the defaults are those of Microsoft's clients.
package struct CoreClientConfiguration: Sendable {
    /// The hub's address, such as `http://127.0.0.1:8080/chathub`.
    package var node: NodeURL
    /// How messages travel: the only transport that is tried.
    package var transport: ClientTransport
    /// The hub protocol; over server-sent events only JSON.
    package var format: CoreFormat
    /// Sent with every request, such as `user`.
    package var query: [(name: String, value: String)]
    /// Sent with every request.
    package var headers: [(name: String, value: String)]
    /// Sent as `Authorization: Bearer`; a secret.
    package var accessToken: String?
    /// 1, or 0 for the negotiation before ASP.NET Core 3.
    package var negotiateVersion: Int
    /// Opens a webSocket without negotiation.
    package var skipsNegotiation: Bool
    /// Requests that the node keep the connection for a while if its webSocket is lost.
    package var usesStatefulReconnect: Bool
    /// The delay before each attempt to replace a lost connection with a new one. If empty, the client waits for
    /// ``CoreSignalRClient/reconnect()``.
    package var retryDelays: [Duration]
    /// Limits of every wait.
    package var timeouts: CoreClientTimeouts

    /// The defaults: JSON over webSockets, and four attempts to replace a lost connection, as Microsoft's clients make.
    package init(
        node: NodeURL, transport: ClientTransport = .webSockets, format: CoreFormat = .json,
        query: [(name: String, value: String)] = [], headers: [(name: String, value: String)] = [],
        accessToken: String? = nil, negotiateVersion: Int = 1, skipsNegotiation: Bool = false,
        usesStatefulReconnect: Bool = false,
        retryDelays: [Duration] = [.zero, .seconds(2), .seconds(10), .seconds(30)],
        timeouts: CoreClientTimeouts = CoreClientTimeouts()
    ) {
        self.node = node
        self.transport = transport
        self.format = format
        self.query = query
        self.headers = headers
        self.accessToken = accessToken
        self.negotiateVersion = negotiateVersion
        self.skipsNegotiation = skipsNegotiation
        self.usesStatefulReconnect = usesStatefulReconnect
        self.retryDelays = retryDelays
        self.timeouts = timeouts
    }

    /// A contradiction between these settings, as a sentence; nil if there is none.
    var contradiction: String? {
        if transport == .serverSentEvents, format == .messagePack { return "server-sent events carry text: use json" }
        if skipsNegotiation, transport != .webSockets { return "only webSockets can skip negotiation" }
        return nil
    }
}

/// Timeouts and intervals of a client of ASP.NET Core SignalR.
package struct CoreClientTimeouts: Sendable {
    /// Limit for a TCP connection, and for the whole response to a request.
    package var request: Duration
    /// Limit from opening a transport to its first byte.
    package var open: Duration
    /// Limit from the client's first message to the node's answer.
    package var handshake: Duration
    /// A node that is silent for this long is considered gone; not with long polling.
    package var server: Duration
    /// A ping is sent after this long without a message to the node; not with long polling.
    package var ping: Duration
    /// Limit for the result of a call; longer than the 30 to 35 s after which a node gives up a group command.
    package var call: Duration
    /// How long a node keeps a connection without a webSocket.
    package var resume: Duration

    /// `server`, `ping` and `handshake` are by default as in Microsoft's clients, `resume` as in a node.
    package init(
        request: Duration = .seconds(10), open: Duration = .seconds(10), handshake: Duration = .seconds(15),
        server: Duration = .seconds(30), ping: Duration = .seconds(15), call: Duration = .seconds(40),
        resume: Duration = .seconds(15)
    ) {
        self.request = request
        self.open = open
        self.handshake = handshake
        self.server = server
        self.ping = ping
        self.call = call
        self.resume = resume
    }
}
