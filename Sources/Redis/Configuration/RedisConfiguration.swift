import NIOSSL
import SystemPackage

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The address of a Redis server and its login.
///
/// Created from a URL or from the StackExchange.Redis string in Startup.cs (``init(connectionString:passwordFile:)``).
public struct RedisConfiguration: Sendable, Equatable {
    /// At least one. Without `sentinelMaster` they are tried in turn for each connection, and the first master is used;
    /// with it they are sentinels.
    public var servers: [RedisEndpoint]
    /// The master's name at the sentinels.
    public var sentinelMaster: String?
    /// Nil for a plain connection. Also applies to sentinels.
    public var tls: RedisTLS?
    /// ACL user; nil logs in as `default`. Sentinels get the same login, unless they have their own.
    public var username: String?
    /// Nil for a server without a login, or with a `passwordFile`.
    public var password: Secret?
    /// The login for sentinels; without a password of their own they get that of the servers.
    public var sentinelUsername: String?
    /// Nil gives sentinels the login of the servers.
    public var sentinelPassword: Secret?
    /// Takes precedence over `password`; read again for each connection, and every two seconds while connected: a changed
    /// password is sent at once.
    public var passwordFile: PasswordFile?
    /// The database of the keys. Pub/sub ignores it: channels are shared by all databases of a server.
    public var database: Int
    /// The longest wait for a TCP connection, in milliseconds.
    public var connectTimeoutMilliseconds: Int64
    /// The longest wait for a reply, and from the TCP connection to the end of the login, in milliseconds.
    public var answerTimeoutMilliseconds: Int64
    /// A PING is sent after this long without traffic, in seconds.
    public var pingIntervalSeconds: Int64
    /// The name in `CLIENT LIST`, for administrators.
    public var clientName: String
    /// The start of the default name.
    public static let defaultClientName = "backplane-relay"
    /// `channelPrefix` of a StackExchange.Redis string, which nodes of ASP.NET Core put before each channel. Ignored by
    /// SignalR 2 and this module. Nil for none.
    package var channelPrefix: String?
    /// What its connections are for.
    package var use = RedisUse.publish
    /// Which of several servers to watch.
    package var preference = ServerPreference.replica
    /// Whether to watch a replica without a link to its master, or a node that is cut off from its cluster, if no other
    /// server answers.
    package var acceptsBrokenLink = true
    /// The cluster's nodes, as learned; nil unless the servers are watched, and nil with sentinels.
    package var learned: LearnedServers?
    /// Whether only the servers of the address are tried, even if more were learned.
    var isPinned = false
    /// What a server must be in this round of a search; nil for what ``use`` needs.
    var demand: ServerDemand?
    /// Settings that were recognized but have no effect, as sentences for the operator.
    public var warnings: [String]
    /// Notified of the commands that the connections send and of renewed logins; nil for none.
    package var observer: RedisObserver?

    /// - Parameters: as the properties of the same names.
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

    /// The server of this configuration: `host:port`, several with commas, or `sentinel:port,.../master`; contains no
    /// secret.
    public var endpoint: String {
        let servers = servers.map(\.description).joined(separator: ",")
        return sentinelMaster.map { "\(servers)/\($0)" } ?? servers
    }

    /// The same configuration with a name for the purpose of the connection, unless the address contains a name.
    ///
    /// - Parameter purpose: such as `hub`, for `backplane-relay-hub`.
    package func named(_ purpose: String) -> RedisConfiguration {
        var named = self
        if clientName == Self.defaultClientName { named.clientName += "-" + purpose }
        return named
    }

    /// The same configuration with a name that distinguishes a subscription from a node's, even if the address,
    /// possibly a node's, contains a name.
    ///
    /// - Parameter purpose: such as `tail`; nil for the relay itself.
    package func namedAsObserver(_ purpose: String? = nil) -> RedisConfiguration {
        var named = self
        if clientName != Self.defaultClientName { named.clientName += "-" + Self.defaultClientName }
        if let purpose { named.clientName += "-" + purpose }
        return named
    }

    /// Whether a subscription with this name in `CLIENT LIST` only observes.
    package static func isObserver(clientName name: String) -> Bool {
        ["", "-tail", "-ping"].map { defaultClientName + $0 }.contains { name == $0 || name.hasSuffix("-" + $0) }
    }

    static let prefixIgnored =
        "'channelPrefix' is ignored: SignalR's SUBSCRIBE is prefixed but its PUBLISH is not, so nodes that use it receive nothing; the relay subscribes to the channel that is published on"
    private static let prefixIgnoredForSignalR2 =
        "'channelPrefix' is used for ASP.NET Core SignalR only: nodes of SignalR 2 that use it receive nothing, because their SUBSCRIBE is prefixed but their PUBLISH is not; the relay subscribes to the event key that is published on"

    /// The same for hubs of ASP.NET Core, which use the channel prefix.
    ///
    /// - Parameter besidesSignalR2: whether event keys are watched too: they still ignore it.
    package func usingChannelPrefix(besidesSignalR2: Bool) -> RedisConfiguration {
        var using = self
        using.warnings = warnings.compactMap { warning in
            guard warning == Self.prefixIgnored else { return warning }
            return besidesSignalR2 ? Self.prefixIgnoredForSignalR2 : nil
        }
        return using
    }

    /// The name without characters that CLIENT SETNAME refuses.
    package var printableClientName: String {
        String(decoding: clientName.utf8.map { (0x21...0x7E).contains($0) ? $0 : UInt8(ascii: "-") }, as: UTF8.self)
    }
}

/// The address of a server.
public enum RedisEndpoint: Sendable, Hashable, CustomStringConvertible {
    case tcp(host: String, port: Int)
    /// A unix domain socket.
    case unix(path: String)
    /// A host that may be part of a password: used for connecting, never printed. `part` counts from 1.
    case concealed(host: Secret, port: Int, part: Int)

    /// `host:port`, IPv6 addresses in brackets, or `unix:/path`; contains no secret.
    public var description: String {
        switch self {
        case .tcp(let host, let port): host.contains(":") ? "[\(host)]:\(port)" : "\(host):\(port)"
        case .unix(let path): "unix:\(path)"
        case .concealed(_, let port, let part): "<part \(part) of the address>:\(port)"
        }
    }
}

/// Encryption and trust of a connection. Files are read again for each connection, so that renewed certificates take effect
/// without a restart.
public struct RedisTLS: Sendable, Equatable {
    /// Of the protocol.
    public enum Version: Int, Sendable, Comparable {
        case tls10
        case tls11
        case tls12
        case tls13

        /// By age: TLS 1.0 is the lowest.
        public static func < (left: Version, right: Version) -> Bool { left.rawValue < right.rawValue }
    }

    /// The expected name (SNI, certificate); nil for the host of the address.
    public var serverName: String?
    /// PEM file of trusted authorities; nil for the system's.
    public var caFile: String?
    /// PEM file of the client certificate and its chain.
    public var certificateFile: String?
    /// PEM file of the key of `certificateFile`; nil if that file contains it.
    public var keyFile: String?
    /// False accepts any certificate of any server.
    public var verifiesServer: Bool
    /// The handshake fails with a server that supports only older versions.
    public var minimumVersion: Version

    /// - Parameters: as the properties of the same names. The defaults trust the system's authorities.
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

/// A password or token. Prints as `***` wherever a value can be printed, so that it cannot reach a log, an error or a
/// dump by accident; only ``reveal()`` returns it.
public struct Secret: Sendable, Hashable, CustomStringConvertible, CustomDebugStringConvertible, CustomReflectable {
    private let value: String

    /// A text that no description, log or mirror shows.
    public init(_ value: String) {
        self.value = value
    }

    /// The secret itself, for sending it to the server.
    public func reveal() -> String { value }

    public var description: String { "***" }
    public var debugDescription: String { "***" }
    public var customMirror: Mirror { Mirror(self, children: []) }
}

extension RedisTLS {
    /// Reads the files and creates the TLS context.
    ///
    /// - Throws: ``RedisError/tlsFile(path:reason:)`` naming the file.
    func context() throws(RedisError) -> NIOSSLContext {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion =
            switch minimumVersion {
            case .tls10: .tlsv1
            case .tls11: .tlsv11
            case .tls12: .tlsv12
            case .tls13: .tlsv13
            }
        configuration.certificateVerification = verifiesServer ? .fullVerification : .none
        if let caFile {
            configuration.trustRoots = .certificates(try Self.certificates(in: caFile))
        }
        if let certificateFile {
            configuration.certificateChain = try Self.certificates(in: certificateFile).map { .certificate($0) }
            configuration.privateKey = .privateKey(try Self.key(in: keyFile ?? certificateFile))
        }
        do {
            return try NIOSSLContext(configuration: configuration)
        } catch {
            // The remaining case after the checks above: a key of another certificate.
            guard let certificateFile else {
                throw .tlsFile(path: caFile ?? "the system's authorities", reason: "it contains no usable certificate")
            }
            throw .tlsFile(
                path: keyFile ?? certificateFile,
                reason: "it is not the key of the certificate in '\(certificateFile)'")
        }
    }

    private static func certificates(in path: String) throws(RedisError) -> [NIOSSLCertificate] {
        try requireReadable(path)
        do {
            let certificates = try NIOSSLCertificate.fromPEMFile(path)
            if !certificates.isEmpty { return certificates }
        } catch {}
        throw .tlsFile(path: path, reason: "it contains no certificate in PEM form (-----BEGIN CERTIFICATE-----)")
    }

    private static func key(in path: String) throws(RedisError) -> NIOSSLPrivateKey {
        try requireReadable(path)
        do {
            return try NIOSSLPrivateKey(file: path, format: .pem)
        } catch {
            throw .tlsFile(path: path, reason: "it contains no private key in PEM form, or one with a passphrase")
        }
    }

    private static func requireReadable(_ path: String) throws(RedisError) {
        guard access(path, R_OK) == 0 else {
            throw .tlsFile(path: path, reason: Errno(rawValue: errno).description)
        }
    }
}
