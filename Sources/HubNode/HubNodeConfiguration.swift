package import HTTPGuard
public import Redis

/// What a hub node is told at its start.
public struct HubNodeConfiguration: Sendable {
    /// The Redis of the backplane.
    public var redis: RedisConfiguration
    /// The event key: the Redis channel and the counter's key.
    public var channel: String
    /// What the chat page and the log call this node.
    public var name: String
    /// A name or numeric address of this machine.
    public var listenHost: String
    /// 0 takes any free port.
    public var listenPort: Int
    /// The base path of the SignalR endpoints, such as `/signalr`; begins with a slash and does not end in one.
    public var path: String
    /// Seals the tokens; nodes that share it accept each other's.
    public var tokenKey: TokenKey
    /// Origins that browsers may call from, as `https://chat.example`; `*` is every one. Empty: only pages of this node.
    public var allowedOrigins: [String]
    /// Whether callers are told why a method failed. Off, they read only that it did, unless a ``HubError`` says more.
    public var detailedErrors: Bool
    /// Whether a `callback` in the query gets a script as its answer.
    public var allowsJSONP: Bool
    /// What the node holds and takes at most.
    public var limits: HubNodeLimits
    /// How long it waits for what.
    public var timing: HubNodeTiming
    /// How the first hub is served to clients of ASP.NET Core SignalR; nil: to none.
    public var core: CoreHubSettings? = CoreHubSettings()
    /// Of the program, for metrics.
    public var version: String
    /// What the HTTP surface shows to everybody beside the chat page.
    package var openPages = OpenPages.none

    public init(
        redis: RedisConfiguration, channel: String, name: String, listenHost: String = "127.0.0.1",
        listenPort: Int = 8080, path: String = "/signalr", tokenKey: TokenKey = .random(),
        allowedOrigins: [String] = [], detailedErrors: Bool = false, allowsJSONP: Bool = false,
        limits: HubNodeLimits = HubNodeLimits(), timing: HubNodeTiming = HubNodeTiming(), version: String = "dev"
    ) {
        self.redis = redis
        self.channel = channel
        self.name = name
        self.listenHost = listenHost
        self.listenPort = listenPort
        self.path = path
        self.tokenKey = tokenKey
        self.allowedOrigins = allowedOrigins
        self.detailedErrors = detailedErrors
        self.allowsJSONP = allowsJSONP
        self.limits = limits
        self.timing = timing
        self.version = version
    }
}

/// How much a node holds and takes. Each has a metric for what it refused.
public struct HubNodeLimits: Sendable {
    /// TCP connections at once. One more, and the one that has waited longest without a whole request is closed; where all
    /// are in use, the new one.
    public var connections: Int
    /// Bytes of a request's header.
    public var headerBytes: Int
    /// Bytes of one message that a client sends, as on a real node.
    public var inboundMessageBytes: Int
    /// Messages that wait for one client. One more, and the client is disconnected: it reconnects from its cursor.
    public var outboundMessages: Int
    /// Bytes that wait for one client.
    public var outboundBytes: Int
    /// Past envelopes kept for clients that reconnect.
    public var storedEnvelopes: Int
    /// Bytes of past envelopes.
    public var storedBytes: Int
    /// Bytes of one envelope, at least `EnvelopeBatch.largePayload` (1 MiB). A larger one passes by while it comes in and is
    /// never held.
    public var envelopeBytes: Int
    /// Sends that wait for the first connection to Redis, as on a real node; one more is an error.
    public var bufferedSends: Int

    public init(
        connections: Int = 20_000, headerBytes: Int = 128 * 1024, inboundMessageBytes: Int = 64 * 1024,
        outboundMessages: Int = 10_000,
        outboundBytes: Int = 4 << 20, storedEnvelopes: Int = 65_535, storedBytes: Int = 32 << 20,
        envelopeBytes: Int = 32 << 20, bufferedSends: Int = 1_000
    ) {
        self.connections = connections
        self.headerBytes = headerBytes
        self.inboundMessageBytes = inboundMessageBytes
        self.outboundMessages = outboundMessages
        self.outboundBytes = outboundBytes
        self.storedEnvelopes = storedEnvelopes
        self.storedBytes = storedBytes
        self.envelopeBytes = envelopeBytes
        self.bufferedSends = bufferedSends
    }
}

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
