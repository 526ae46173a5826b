/// Where a Redis server is and how to log in to it.
///
/// Made from what operators have at hand: a `redis://` URL or the StackExchange.Redis string of Startup.cs
/// (``init(connectionString:)``).
public struct RedisConfiguration: Sendable, Equatable {
    public var host: String
    public var port: Int
    /// ACL user; nil logs in as `default`.
    public var username: String?
    public var password: Secret?
    /// The database of keys. Pub/sub ignores it: channels are shared by all databases of a server.
    public var database: Int
    /// The longest wait for a TCP connection, in milliseconds.
    public var connectTimeoutMilliseconds: Int64
    /// The name shown by `CLIENT LIST`, so that an administrator knows who is connected.
    public var clientName: String
    /// What was understood but will not be done, in words for the operator.
    public var warnings: [String]

    public init(
        host: String,
        port: Int = 6379,
        username: String? = nil,
        password: Secret? = nil,
        database: Int = 0,
        connectTimeoutMilliseconds: Int64 = 5_000,
        clientName: String = "backplane-relay",
        warnings: [String] = []
    ) {
        self.host = host
        self.port = port
        self.username = username
        self.password = password
        self.database = database
        self.connectTimeoutMilliseconds = connectTimeoutMilliseconds
        self.clientName = clientName
        self.warnings = warnings
    }

    /// `host:port`, IPv6 addresses in brackets; holds no secret.
    public var endpoint: String {
        host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
    }
}
