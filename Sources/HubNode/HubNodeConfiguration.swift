package import HTTPGuard
public import Redis

/// What a hub node is told at its start.
public struct HubNodeConfiguration: Sendable {
    public var redis: RedisConfiguration
    /// The event key: the Redis channel and the counter's key.
    public var channel: String
    /// What the chat page and the log call this node.
    public var name: String
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
    public var limits: HubNodeLimits
    public var timing: HubNodeTiming
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
