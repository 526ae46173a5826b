import Backplane

/// How a node serves a hub to clients of ASP.NET Core SignalR.
public struct CoreHubSettings: Sendable {
    /// The path of the hub, such as `/chathub`; with a leading and without a trailing slash. Nil: a slash and the hub's
    /// name in lower case.
    public var path: String?
    /// The backplane shared with other nodes; nil: clients reach only those of this node. Each hub has its own type.
    public var backplane: CoreBackplaneSettings?
    /// The hub protocols for clients. Every message on the backplane contains each of them: all nodes of a hub must
    /// have the same.
    public var protocols: [HubProtocol]
    /// Whether clients may use stateful reconnect.
    public var allowsStatefulReconnect: Bool
    /// Maximum number of unacknowledged bytes for a client with stateful reconnect; beyond it messages wait.
    public var statefulBufferBytes: Int
    /// Whether clients are asked to reconnect after a lost subscription: they have missed messages, and the protocol
    /// has no other way to inform them.
    public var reconnectsAfterGap: Bool
    /// Maximum size of a client's message, in bytes; the default is that of a real node.
    public var inboundMessageBytes: Int
    /// Maximum bytes of a client's pending calls and stream items; beyond it reading pauses.
    public var pendingBytes: Int
    /// Timeouts and intervals; the defaults are those of a real node.
    public var timing: CoreHubTiming

    /// The defaults: the path of the hub's name, no backplane, both hub protocols, stateful reconnect, and the limits of
    /// a real node.
    public init(
        path: String? = nil, backplane: CoreBackplaneSettings? = nil, inboundMessageBytes: Int = 32 * 1024,
        pendingBytes: Int = 64 * 1024, timing: CoreHubTiming = CoreHubTiming(),
        protocols: [HubProtocol] = HubProtocol.allCases, allowsStatefulReconnect: Bool = true,
        statefulBufferBytes: Int = 100_000, reconnectsAfterGap: Bool = false
    ) {
        self.path = path
        self.backplane = backplane
        self.inboundMessageBytes = inboundMessageBytes
        self.pendingBytes = pendingBytes
        self.timing = timing
        self.protocols = protocols
        self.allowsStatefulReconnect = allowsStatefulReconnect
        self.statefulBufferBytes = statefulBufferBytes
        self.reconnectsAfterGap = reconnectsAfterGap
    }

    /// The path of a hub with these settings.
    public func path(of hub: String) -> String { path ?? "/" + hub.lowercased() }

    /// The protocols, in their order within a message.
    var formats: [CoreFormat] {
        CoreFormat.allCases.filter { format in protocols.contains { $0.rawValue == format.name } }
    }
}

/// A hub protocol of ASP.NET Core SignalR.
public enum HubProtocol: String, CaseIterable, Sendable {
    case json
    case messagePack = "messagepack"
}

/// Timeouts and intervals of a hub of ASP.NET Core SignalR.
public struct CoreHubTiming: Sendable {
    /// A ping is sent to a client after this long without data.
    public var keepAlive: Duration
    /// A client that has sent a ping and is then silent for this long is dropped.
    public var clientTimeout: Duration
    /// Limit from the opening of the transport to the client's first message.
    public var handshake: Duration
    /// A connection without a transport for this long is dropped: one that was only negotiated, or between two polls.
    public var disconnect: Duration
    /// A long poll is answered after this long, possibly without messages.
    public var longPoll: Duration
    /// How long a client may take to receive the last message and close its side.
    public var closing: Duration
    /// After a gap, clients are asked to reconnect within this time (``CoreHubSettings/reconnectsAfterGap``).
    public var gapSpread: Duration

    /// The defaults of a real node; `closing` and `gapSpread` are of this node only.
    public init(
        keepAlive: Duration = .seconds(15), clientTimeout: Duration = .seconds(30), handshake: Duration = .seconds(15),
        disconnect: Duration = .seconds(15), longPoll: Duration = .seconds(90), closing: Duration = .seconds(5),
        gapSpread: Duration = .seconds(30)
    ) {
        self.keepAlive = keepAlive
        self.clientTimeout = clientTimeout
        self.handshake = handshake
        self.disconnect = disconnect
        self.longPoll = longPoll
        self.closing = closing
        self.gapSpread = gapSpread
    }
}
