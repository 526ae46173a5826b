package import HTTPGuard
public import Redis

/// The configuration of a hub node.
public struct HubNodeConfiguration: Sendable {
    /// The Redis of the backplane.
    public var redis: RedisConfiguration
    /// The event key: Redis channel and key of the counter; empty for a node that serves no clients of SignalR 2.
    public var channel: String
    /// The node's name on the chat page and in the log.
    public var name: String
    /// A name or numeric address of this machine.
    public var listenHost: String
    /// 0 chooses a free port.
    public var listenPort: Int
    /// The base path of the SignalR endpoints, such as `/signalr`; with a leading and without a trailing slash.
    public var path: String
    /// Seals the tokens; nodes with the same key accept each other's tokens.
    public var tokenKey: TokenKey
    /// Origins allowed to call from a browser, such as `https://chat.example`; `*` allows all. Empty: only pages of
    /// this node.
    public var allowedOrigins: [String]
    /// Whether callers receive the error of a failed method. If false, they only learn that it failed, unless it throws
    /// a ``HubError``.
    public var detailedErrors: Bool
    /// Whether a `callback` in the query is answered by a script.
    public var allowsJSONP: Bool
    /// Limits of the node.
    public var limits: HubNodeLimits
    /// Timeouts and intervals.
    public var timing: HubNodeTiming
    /// Serves each hub to clients of ASP.NET Core SignalR at its own path, unless ``coreHubs`` has other settings for it;
    /// nil: only those hubs are served to them.
    public var core: CoreHubSettings? = CoreHubSettings()
    /// Settings of single hubs, by the hub's name. On the backplane each hub has its own channels, so if several hubs
    /// join it, each needs settings with its own ``CoreBackplaneSettings/hubType``.
    public var coreHubs: [String: CoreHubSettings] = [:]
    /// Of the program, for metrics.
    public var version: String
    /// Additional open pages of the HTTP surface.
    package var openPages = OpenPages.none

    /// The defaults: port 8080 of the loopback interface, `/signalr`, a random token key, the limits of a real node.
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

extension HubNodeConfiguration {
    /// Whether clients of SignalR 2 are served.
    var joinsSignalR2: Bool { !channel.isEmpty }
}

/// Limits of a node. Each has a metric for what it refused.
public struct HubNodeLimits: Sendable {
    /// Concurrent TCP connections. Beyond the limit, the connection that has waited longest without a complete request
    /// is closed; if all are in use, the new one.
    public var connections: Int
    /// Bytes of a request's header.
    public var headerBytes: Int
    /// Bytes of one message from a client, as on a real node.
    public var inboundMessageBytes: Int
    /// Messages waiting for one client. Beyond the limit the client is disconnected: it reconnects from its cursor.
    public var outboundMessages: Int
    /// Bytes waiting for one client.
    public var outboundBytes: Int
    /// Number of past envelopes kept for clients that reconnect.
    public var storedEnvelopes: Int
    /// Bytes of past envelopes.
    public var storedBytes: Int
    /// Bytes of one envelope, at least `EnvelopeBatch.largePayload` (1 MiB). Larger ones are skipped while they arrive.
    public var envelopeBytes: Int
    /// Sends waiting for the first connection to Redis, as on a real node; further ones fail.
    public var bufferedSends: Int

    /// The defaults are those of a real node, where it has such a limit.
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

/// Timeouts and intervals of a node; the defaults are those of a real node.
public struct HubNodeTiming: Sendable {
    /// A keep-alive is sent to a connection after this long without data.
    public var keepAlive: Duration
    /// A client without a transport for this long is dropped; so is one that does not acknowledge data (TCP).
    public var disconnect: Duration
    /// A long poll is answered after this long, possibly without messages.
    public var longPoll: Duration
    /// How long clients wait for a transport to open before they try another.
    public var transportConnect: Duration
    /// A group command without an ack within this time has failed.
    public var acknowledgement: Duration
    /// During a graceful shutdown: time for clients to reconnect elsewhere.
    public var drain: Duration
    /// An HTTP connection without a request for this long is closed.
    public var idleConnection: Duration
    /// From the connection, or a request's first byte, to the end of its header; afterwards the connection is closed.
    public var requestHeader: Duration
    /// From the end of a request's header to its last byte.
    public var requestBody: Duration

    /// The defaults of a real node; `drain`, `requestHeader` and `requestBody` are of this node only.
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
