import Backplane

/// How a node serves its first hub to clients of ASP.NET Core SignalR.
public struct CoreHubSettings: Sendable {
    /// The path of the hub, such as `/chathub`; begins with a slash and does not end in one.
    public var path: String
    /// The backplane that the hub's clients meet those of other nodes by; nil: they meet on this node only.
    public var backplane: CoreBackplaneSettings?
    /// The hub protocols that clients may speak. Every message on the backplane carries each of them: all nodes of a hub
    /// must have the same.
    public var protocols: [HubProtocol]
    /// Whether clients that ask for stateful reconnect may have it.
    public var allowsStatefulReconnect: Bool
    /// Bytes sent to a client with stateful reconnect that it has not acknowledged; beyond them messages wait.
    public var statefulBufferBytes: Int
    /// Whether clients are asked to reconnect once the backplane was not heard for a while: they have missed messages, and
    /// the protocol has no other way to tell them.
    public var reconnectsAfterGap: Bool
    /// Bytes of one message of a client, as on a real node.
    public var inboundMessageBytes: Int
    /// Bytes of a client's calls and stream items that wait for its methods; beyond them it is read no further.
    public var pendingBytes: Int
    /// The spans of time; the defaults are those of a real node.
    public var timing: CoreHubTiming

    public init(
        path: String = "/chathub", backplane: CoreBackplaneSettings? = nil, inboundMessageBytes: Int = 32 * 1024,
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

    /// In the order in which a message carries them.
    var formats: [CoreFormat] {
        CoreFormat.allCases.filter { format in protocols.contains { $0.rawValue == format.name } }
    }
}

/// A hub protocol of ASP.NET Core SignalR.
public enum HubProtocol: String, CaseIterable, Sendable {
    case json
    case messagePack = "messagepack"
}

/// The spans of time of a hub of ASP.NET Core SignalR.
public struct CoreHubTiming: Sendable {
    /// A client that was written nothing for this long is sent a ping.
    public var keepAlive: Duration
    /// A client that has pinged and then says nothing for this long is gone.
    public var clientTimeout: Duration
    /// From the transport to the client's first message.
    public var handshake: Duration
    /// A connection without a transport for this long is gone: one that was only negotiated, or between two polls.
    public var disconnect: Duration
    /// A long poll is answered after this long, with nothing if nothing came.
    public var longPoll: Duration
    /// What a client gets to take the last message and to close its side.
    public var closing: Duration
    /// After a gap, clients are asked to reconnect within this time (``CoreHubSettings/reconnectsAfterGap``).
    public var gapSpread: Duration

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
