/// The spans of time of a node; the defaults are those of a real one.
public struct HubNodeTiming: Sendable {
    /// A connection that is silent for this long gets a sign of life.
    public var keepAlive: Duration
    /// A client without a transport for this long is gone; so is one that leaves what it is sent unconfirmed (TCP).
    public var disconnect: Duration
    /// A long poll is answered after this long, with nothing if nothing came.
    public var longPoll: Duration
    /// How long clients are told to wait for a transport to open, before they try another.
    public var transportConnect: Duration
    /// A group command that is not acknowledged in this time has failed.
    public var acknowledgement: Duration
    /// At a graceful stop: what clients get to reconnect elsewhere.
    public var drain: Duration
    /// An HTTP connection without a request for this long is closed.
    public var idleConnection: Duration
    /// From the connection, or a request's first byte, to the end of its header; then the connection is closed.
    public var requestHeader: Duration
    /// From the end of a request's header to its last byte.
    public var requestBody: Duration

    public init(
        keepAlive: Duration = .seconds(10), disconnect: Duration = .seconds(30), longPoll: Duration = .seconds(110),
        transportConnect: Duration = .seconds(5), acknowledgement: Duration = .seconds(30),
        drain: Duration = .seconds(2), idleConnection: Duration = .seconds(120),
        requestHeader: Duration = .seconds(30), requestBody: Duration = .seconds(60)
    ) {
        self.keepAlive = keepAlive
        self.disconnect = disconnect
        self.longPoll = longPoll
        self.transportConnect = transportConnect
        self.acknowledgement = acknowledgement
        self.drain = drain
        self.idleConnection = idleConnection
        self.requestHeader = requestHeader
        self.requestBody = requestBody
    }
}
