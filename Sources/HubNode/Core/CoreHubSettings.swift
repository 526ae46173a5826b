/// How a node serves its first hub to clients of ASP.NET Core SignalR.
public struct CoreHubSettings: Sendable {
    /// The path of the hub, such as `/chathub`; begins with a slash and does not end in one.
    public var path: String
    /// Bytes of one message of a client, as on a real node.
    public var inboundMessageBytes: Int
    /// Bytes of a client's calls and stream items that wait for its methods; beyond them it is read no further.
    public var pendingBytes: Int
    /// The spans of time; the defaults are those of a real node.
    public var timing: CoreHubTiming

    public init(
        path: String = "/chathub", inboundMessageBytes: Int = 32 * 1024, pendingBytes: Int = 64 * 1024,
        timing: CoreHubTiming = CoreHubTiming()
    ) {
        self.path = path
        self.inboundMessageBytes = inboundMessageBytes
        self.pendingBytes = pendingBytes
        self.timing = timing
    }
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

    public init(
        keepAlive: Duration = .seconds(15), clientTimeout: Duration = .seconds(30), handshake: Duration = .seconds(15),
        disconnect: Duration = .seconds(15), longPoll: Duration = .seconds(90), closing: Duration = .seconds(5)
    ) {
        self.keepAlive = keepAlive
        self.clientTimeout = clientTimeout
        self.handshake = handshake
        self.disconnect = disconnect
        self.longPoll = longPoll
        self.closing = closing
    }
}
