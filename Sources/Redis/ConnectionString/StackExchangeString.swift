import NIOCore

/// A StackExchange.Redis string: endpoints and `name=value` options, separated by commas.
///
/// The options are documented at https://stackexchange.github.io/StackExchange.Redis/Configuration; the complete list
/// is in its `ConfigurationOptions.cs`.
struct StackExchangeString {
    private var configuration = RedisConfiguration(servers: [])
    private var tls = RedisTLS()
    private var usesTLS: Bool?

    static func parse(_ text: String) throws(ConnectionStringError) -> RedisConfiguration {
        let parts = try StackExchangeParts(text)
        var string = StackExchangeString()
        string.configuration.warnings = parts.warnings
        for option in parts.options { try string.apply(option.name, value: option.value) }
        return try string.finished(parts.servers)
    }

    private func finished(
        _ servers: [StackExchangeParts.Server]
    ) throws(ConnectionStringError) -> RedisConfiguration {
        var configuration = configuration
        let usesTLS = usesTLS ?? AzureDefaults.usesTLS(servers)
        let defaultPort = configuration.sentinelMaster != nil ? 26379 : usesTLS ? 6380 : 6379
        configuration.servers = servers.map { server in
            switch server {
            case .tcp(let server): server.endpoint(defaultPort: defaultPort)
            case .unix(let path): .unix(path: path)
            case .concealed(let server, let part):
                .concealed(host: Secret(server.host), port: server.port ?? defaultPort, part: part)
            }
        }
        configuration.tls = usesTLS ? tls : nil
        if configuration.sentinelUsername != nil, configuration.sentinelPassword == nil {
            configuration.sentinelUsername = nil
            configuration.warnings.append(
                "'sentinelUser' is ignored: it takes effect only together with 'sentinelPassword'")
        }
        if configuration.sentinelPassword != nil, configuration.sentinelMaster == nil {
            configuration.warnings.append("'sentinelPassword' has no effect without 'serviceName'")
        }
        return configuration
    }

    // MARK: - Options

    private mutating func apply(_ option: String, value: String) throws(ConnectionStringError) {
        switch option {
        case "password": configuration.password = value.isEmpty ? nil : Secret(value)
        case "user": configuration.username = value.isEmpty ? nil : value
        case "sentinelPassword": configuration.sentinelPassword = value.isEmpty ? nil : Secret(value)
        case "sentinelUser": configuration.sentinelUsername = value.isEmpty ? nil : value
        case "name": configuration.clientName = value.isEmpty ? configuration.clientName : value
        case "defaultDatabase":
            configuration.database = try URLParts.database(value[...], what: "'defaultDatabase'")
        case "connectTimeout":
            if let time = try milliseconds(value, of: option) { configuration.connectTimeoutMilliseconds = time }
        case "syncTimeout":
            if let time = try milliseconds(value, of: option) { configuration.answerTimeoutMilliseconds = time }
        case "keepAlive":
            guard let seconds = Int32(value) else {
                throw ConnectionStringError("'keepAlive' must be a number of seconds, such as keepAlive=60")
            }
            // 0 and -1 mean the default there too.
            if seconds > 0 { configuration.pingIntervalSeconds = min(Int64(seconds), 86_400) }
        case "serviceName": configuration.sentinelMaster = value.isEmpty ? nil : value
        case "ssl": usesTLS = try truth(of: value, option: "ssl")
        case "sslHost": tls.serverName = value.isEmpty ? nil : value
        case "sslProtocols": try applyProtocols(value)
        case "channelPrefix":
            configuration.channelPrefix = value.isEmpty ? nil : value
            if !value.isEmpty { configuration.warnings.append(RedisConfiguration.prefixIgnored) }
        case "tunnel":
            if !value.isEmpty { configuration.warnings.append("'tunnel' is ignored: the connection is made directly") }
        default: break
        }
    }

    private mutating func applyProtocols(_ value: String) throws(ConnectionStringError) {
        guard let versions = SSLProtocols(value) else {
            throw ConnectionStringError(
                "'sslProtocols' must be a name or number of .NET's SslProtocols, several with '|': sslProtocols=Tls12|Tls13"
            )
        }
        guard let lowest = versions.lowest else { return }
        tls.minimumVersion = lowest
        if lowest < .tls12 {
            configuration.warnings.append("'sslProtocols' permits TLS below 1.2, which is broken; write Tls12|Tls13")
        }
    }

    /// - Returns: nil for a value that means the default.
    private mutating func milliseconds(
        _ value: String, of option: String
    ) throws(ConnectionStringError) -> Int64? {
        guard let number = Int32(value) else {
            throw ConnectionStringError("'\(option)' must be a number of milliseconds, such as \(option)=5000")
        }
        guard number > 0 else {
            configuration.warnings.append("'\(option)' is ignored: it must be a number of milliseconds above 0")
            return nil
        }
        return min(Int64(number), 86_400_000)
    }

    private func truth(of value: String, option: String) throws(ConnectionStringError) -> Bool {
        switch value.lowercased() {
        case "true", "yes", "on", "1": return true
        case "false", "no", "off", "0": return false
        default: throw ConnectionStringError("'\(option)' must be true or false")
        }
    }
}

/// `System.Security.Authentication.SslProtocols` in text: names, the numbers of the enumeration, or both with `|`.
struct SSLProtocols {
    /// nil for the default.
    private(set) var lowest: RedisTLS.Version?

    private static let bits: [(bit: Int64, version: RedisTLS.Version)] = [
        // SSL 2 and 3 are not supported here: the oldest supported version.
        (0x0C, .tls10), (0x30, .tls10), (0xC0, .tls10), (0x300, .tls11), (0xC00, .tls12), (0x3000, .tls13),
    ]

    init?(_ text: String) {
        for name in text.split(whereSeparator: { "|+ ".contains($0) }) {
            switch name.lowercased() {
            case "none", "default": break
            case "ssl2", "ssl3", "tls", "tls10": note(.tls10)
            case "tls11": note(.tls11)
            case "tls12": note(.tls12)
            case "tls13": note(.tls13)
            default:
                guard let number = Int64(name), number >= 0 else { return nil }
                for (bit, version) in Self.bits where number & bit != 0 { note(version) }
            }
        }
    }

    private mutating func note(_ version: RedisTLS.Version) { lowest = min(lowest ?? version, version) }
}

/// Addresses for which StackExchange.Redis uses TLS by default: Azure's.
enum AzureDefaults {
    private static let cache = [
        ".redis.cache.windows.net", ".redis.cache.chinacloudapi.cn", ".redis.cache.usgovcloudapi.net",
        ".redis.cache.sovcloud-api.de", ".redis.cache.sovcloud-api.fr",
    ]
    private static let managed = [
        ".redis.azure.net", ".redis.chinacloudapi.cn", ".redis.usgovcloudapi.net", ".redis.sovcloud-api.de",
        ".redis.sovcloud-api.fr", ".redisenterprise.cache.azure.net",
    ]

    static func usesTLS(_ servers: [StackExchangeParts.Server]) -> Bool {
        let hosts = servers.compactMap { server -> HostAndPort? in
            switch server {
            case .tcp(let server), .concealed(let server, _): server
            case .unix: nil
            }
        }
        func isIn(_ domains: [String]) -> Bool {
            hosts.contains { host in domains.contains { host.host.lowercased().hasSuffix($0) } }
        }
        return isIn(managed) || (isIn(cache) && hosts.contains { $0.port == 6380 })
    }
}

/// `host`, `host:port`, `[::1]:port`.
struct HostAndPort: Equatable {
    private static let hostStoppers = Set(",;=@/?#[]\"'`\\<>|&$!*(){}".utf8)

    let host: String
    let port: Int?

    init(_ text: Substring) throws(ConnectionStringError) {
        let host: Substring
        var port: Substring?
        if text.first == "[" {
            guard let close = text.firstIndex(of: "]") else {
                throw ConnectionStringError(
                    "an IPv6 address is written in brackets, [::1]:6379; the closing bracket is missing")
            }
            host = text[text.index(after: text.startIndex)..<close]
            let after = text[text.index(after: close)...]
            guard after.isEmpty || after.first == ":" else {
                throw ConnectionStringError("only :port may follow the IPv6 address in brackets")
            }
            port = after.isEmpty ? nil : after.dropFirst()
        } else if let colon = text.lastIndex(of: ":") {
            host = text[..<colon]
            port = text[text.index(after: colon)...]
            guard !host.contains(":") else {
                throw ConnectionStringError("an IPv6 address is written in brackets, [::1]:6379")
            }
        } else {
            host = text
        }
        guard !host.isEmpty else {
            throw ConnectionStringError("the host name is missing; write host:6379")
        }
        // If the two notations are mixed up, options or a login end up here. The host is printed, but they must not be.
        guard !host.utf8.contains(where: { $0 <= 0x20 || $0 == 0x7F || Self.hostStoppers.contains($0) }) else {
            throw ConnectionStringError(
                "the host name contains a character that is not allowed there (such as a space or , ; = @ / ? #); options follow host:port without redis:// (host:6379,ssl=true), and a login needs redis:// before it (redis://user:password@host:6379)"
            )
        }
        self.host = String(host)
        guard let port else {
            self.port = nil
            return
        }
        guard let number = Int(port), (1...65535).contains(number) else {
            throw ConnectionStringError("the port must be a number from 1 to 65535, such as host:6379")
        }
        self.port = number
    }

    private init(ipv6 host: String) {
        self.host = host
        port = nil
    }

    /// As in StackExchange.Redis: an IPv6 address needs no brackets without a port, and port 0 means none.
    static func stackExchange(_ text: String) throws(ConnectionStringError) -> HostAndPort {
        if text.contains(":"), !text.hasPrefix("["), let address = try? SocketAddress(ipAddress: text, port: 0),
            address.protocol == .inet6
        {
            return HostAndPort(ipv6: text)
        }
        let end = text.hasSuffix(":0") ? text.index(text.endIndex, offsetBy: -2) : text.endIndex
        return try HostAndPort(text[..<end])
    }

    func endpoint(defaultPort: Int) -> RedisEndpoint {
        .tcp(host: host, port: port ?? defaultPort)
    }
}
