/// Where a Redis server is and how to log in to it.
///
/// Made from what operators have at hand: a URL or the StackExchange.Redis string of Startup.cs
/// (``init(connectionString:passwordFile:)``).
public struct RedisConfiguration: Sendable, Equatable {
    /// At least one. Without `sentinelMaster` they are tried in turn at each connect, and the first that answers as a
    /// master is used; with it they are sentinels.
    public var servers: [RedisEndpoint]
    /// The name under which the sentinels know the master.
    public var sentinelMaster: String?
    /// Nil for a plain connection. Sentinels are spoken to in the same way.
    public var tls: RedisTLS?
    /// ACL user; nil logs in as `default`. Sentinels get the same login, unless they have one of their own.
    public var username: String?
    /// Nil for a server without a login, or with a `passwordFile`.
    public var password: Secret?
    /// The login of sentinels; without a password of theirs they get that of the servers.
    public var sentinelUsername: String?
    /// Nil gives sentinels the login of the servers.
    public var sentinelPassword: Secret?
    /// Goes before `password`; read again at each connect.
    public var passwordFile: PasswordFile?
    /// The database of keys. Pub/sub ignores it: channels are shared by all databases of a server.
    public var database: Int
    /// The longest wait for a TCP connection, in milliseconds.
    public var connectTimeoutMilliseconds: Int64
    /// The longest wait for an answer, and from the TCP connection to the end of the login, in milliseconds.
    public var answerTimeoutMilliseconds: Int64
    /// A quiet subscription is sent a PING after this long, in seconds.
    public var pingIntervalSeconds: Int64
    /// The name shown by `CLIENT LIST`, so that an administrator knows who is connected.
    public var clientName: String
    /// What the name begins with if nothing else is configured.
    public static let defaultClientName = "backplane-relay"
    /// `channelPrefix` of a StackExchange.Redis string: what nodes of ASP.NET Core put before each channel. SignalR 2 and
    /// this module ignore it. Nil for none.
    package var channelPrefix: String?
    /// What was understood but will not be done, in words for the operator.
    public var warnings: [String]

    public init(
        servers: [RedisEndpoint],
        sentinelMaster: String? = nil,
        tls: RedisTLS? = nil,
        username: String? = nil,
        password: Secret? = nil,
        passwordFile: PasswordFile? = nil,
        sentinelUsername: String? = nil,
        sentinelPassword: Secret? = nil,
        database: Int = 0,
        connectTimeoutMilliseconds: Int64 = 5_000,
        answerTimeoutMilliseconds: Int64 = 10_000,
        pingIntervalSeconds: Int64 = 5,
        clientName: String = RedisConfiguration.defaultClientName,
        warnings: [String] = []
    ) {
        self.servers = servers
        self.sentinelMaster = sentinelMaster
        self.tls = tls
        self.username = username
        self.password = password
        self.passwordFile = passwordFile
        self.sentinelUsername = sentinelUsername
        self.sentinelPassword = sentinelPassword
        self.database = database
        self.connectTimeoutMilliseconds = connectTimeoutMilliseconds
        self.answerTimeoutMilliseconds = answerTimeoutMilliseconds
        self.pingIntervalSeconds = pingIntervalSeconds
        self.clientName = clientName
        self.warnings = warnings
    }

    /// One server, by TCP.
    public init(
        host: String, port: Int = 6379, tls: RedisTLS? = nil, username: String? = nil, password: Secret? = nil,
        database: Int = 0
    ) {
        self.init(
            servers: [.tcp(host: host, port: port)], tls: tls, username: username, password: password,
            database: database)
    }

    /// What this configuration names: `host:port`, several with commas, or `sentinel:port,.../master`; holds no secret.
    public var endpoint: String {
        let servers = servers.map(\.description).joined(separator: ",")
        return sentinelMaster.map { "\(servers)/\($0)" } ?? servers
    }

    /// The same with a name that says what the connection is for, unless the address names one.
    ///
    /// - Parameter purpose: `hub`, for instance: `backplane-relay-hub`.
    package func named(_ purpose: String) -> RedisConfiguration {
        var named = self
        if clientName == Self.defaultClientName { named.clientName += "-" + purpose }
        return named
    }

    /// The same with a name by which a subscription can be told from a node's, also where the address, perhaps that of
    /// the nodes, names one.
    ///
    /// - Parameter purpose: `tail`, for instance; nil for the relay itself.
    package func namedAsObserver(_ purpose: String? = nil) -> RedisConfiguration {
        var named = self
        if clientName != Self.defaultClientName { named.clientName += "-" + Self.defaultClientName }
        if let purpose { named.clientName += "-" + purpose }
        return named
    }

    /// Whether a subscription of this name, as `CLIENT LIST` shows it, only looks on.
    package static func isObserver(clientName name: String) -> Bool {
        [defaultClientName, defaultClientName + "-tail"].contains { name == $0 || name.hasSuffix("-" + $0) }
    }

    static let prefixIgnored =
        "'channelPrefix' is ignored: SignalR's SUBSCRIBE is prefixed but its PUBLISH is not, so nodes that use it receive nothing; the relay subscribes to the channel that is published on"
    private static let prefixIgnoredForSignalR2 =
        "'channelPrefix' is used for ASP.NET Core SignalR only: nodes of SignalR 2 that use it receive nothing, because their SUBSCRIBE is prefixed but their PUBLISH is not; the relay subscribes to the event key that is published on"

    /// The same for hubs of ASP.NET Core, where the channel prefix is not ignored.
    ///
    /// - Parameter besidesSignalR2: whether event keys are watched as well: for them it is still ignored.
    package func usingChannelPrefix(besidesSignalR2: Bool) -> RedisConfiguration {
        var using = self
        using.warnings = warnings.compactMap { warning in
            guard warning == Self.prefixIgnored else { return warning }
            return besidesSignalR2 ? Self.prefixIgnoredForSignalR2 : nil
        }
        return using
    }

    /// The name without what CLIENT SETNAME refuses.
    var printableClientName: String {
        String(decoding: clientName.utf8.map { (0x21...0x7E).contains($0) ? $0 : UInt8(ascii: "-") }, as: UTF8.self)
    }
}

/// Where a server listens.
public enum RedisEndpoint: Sendable, Hashable, CustomStringConvertible {
    case tcp(host: String, port: Int)
    /// A unix domain socket.
    case unix(path: String)
    /// A host that may be the rest of a password: it is connected to, and never printed. `part` counts from 1.
    case concealed(host: Secret, port: Int, part: Int)

    /// `host:port`, IPv6 addresses in brackets, or `unix:/path`; holds no secret.
    public var description: String {
        switch self {
        case .tcp(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        case .unix(let path): "unix:\(path)"
        case .concealed(_, let port, let part): "<part \(part) of the address>:\(port)"
        }
    }
}

/// How the connection is encrypted and whom it trusts. Files are read again at each connect, so that renewed
/// certificates are used without a restart.
public struct RedisTLS: Sendable, Equatable {
    /// Of the protocol.
    public enum Version: Int, Sendable, Comparable {
        case tls10
        case tls11
        case tls12
        case tls13

        public static func < (left: Version, right: Version) -> Bool { left.rawValue < right.rawValue }
    }

    /// The name asked for (SNI) and looked for in the certificate; nil for the host that is connected to.
    public var serverName: String?
    /// PEM file of the authorities to trust; nil for those of the system.
    public var caFile: String?
    /// PEM file of our own certificate and those between it and its authority.
    public var certificateFile: String?
    /// PEM file of the key of `certificateFile`; nil if it stands in there too.
    public var keyFile: String?
    /// False accepts every certificate of every server.
    public var verifiesServer: Bool
    /// The handshake fails with a server that speaks only older ones.
    public var minimumVersion: Version

    public init(
        serverName: String? = nil, caFile: String? = nil, certificateFile: String? = nil, keyFile: String? = nil,
        verifiesServer: Bool = true, minimumVersion: Version = .tls12
    ) {
        self.serverName = serverName
        self.caFile = caFile
        self.certificateFile = certificateFile
        self.keyFile = keyFile
        self.verifiesServer = verifiesServer
        self.minimumVersion = minimumVersion
    }
}

/// A password or token. It prints as `***` wherever a value can be printed, so that it cannot reach a log, an error
/// or a dump by accident; the bytes are had only through ``reveal()``.
public struct Secret: Sendable, Hashable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    private let value: String

    /// A text that no description, log or mirror shows.
    public init(_ value: String) {
        self.value = value
    }

    /// The secret itself, for the one place that sends it to the server.
    public func reveal() -> String { value }

    public var description: String { "***" }
    public var debugDescription: String { "***" }
    public var customMirror: Mirror { Mirror(self, children: []) }
}
