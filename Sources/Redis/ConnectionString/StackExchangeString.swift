/// A StackExchange.Redis string: endpoints and `name=value` options, with commas between.
///
/// What these options mean there is documented at https://stackexchange.github.io/StackExchange.Redis/Configuration
struct StackExchangeString {
    private enum Server {
        case tcp(HostAndPort)
        case unix(path: String)
    }

    private var configuration = RedisConfiguration(servers: [])
    private var servers: [Server] = []
    private var tls = RedisTLS()
    private var usesTLS = false

    static func parse(_ text: String) throws(ConnectionStringError) -> RedisConfiguration {
        var string = StackExchangeString()
        try string.read(text)
        return try string.finished()
    }

    private mutating func read(_ text: String) throws(ConnectionStringError) {
        var serversAreOver = false
        for part in text.split(separator: ",") {
            let part = part.trimmingSpaces()
            if part.isEmpty { continue }
            // An endpoint never holds '='; a value may (base64 access keys end in it), so the first one divides.
            if let equals = part.firstIndex(of: "="), part.first != "!" {
                serversAreOver = !servers.isEmpty
                try apply(
                    part[..<equals].trimmingSpaces(), value: part[part.index(after: equals)...].trimmingSpaces())
                continue
            }
            // The rest of a password with a comma in it would stand here, and be printed as a host.
            guard !serversAreOver else {
                throw ConnectionStringError(
                    "something without '=' follows the options: servers stand side by side, and a value cannot hold a comma"
                )
            }
            if part.first == "!" {
                guard part.utf8.allSatisfy({ $0 >= 0x20 && $0 != 0x7F }) else {
                    throw ConnectionStringError("the path of a unix socket holds a control character")
                }
                servers.append(.unix(path: String(part.dropFirst())))
            } else {
                servers.append(.tcp(try HostAndPort(part[...])))
            }
        }
    }

    private func finished() throws(ConnectionStringError) -> RedisConfiguration {
        guard !servers.isEmpty else {
            throw ConnectionStringError("the connection string names no server; it begins with host:port, then options")
        }
        var configuration = configuration
        let defaultPort = configuration.sentinelMaster != nil ? 26379 : usesTLS ? 6380 : 6379
        configuration.servers = servers.map { server in
            switch server {
            case .tcp(let server): server.endpoint(defaultPort: defaultPort)
            case .unix(let path): .unix(path: path)
            }
        }
        configuration.tls = usesTLS ? tls : nil
        return configuration
    }

    // MARK: - Options

    /// They say how StackExchange.Redis behaves and have no bearing on a connection of our own.
    private static let withoutBearing: Set<String> = [
        // Ours is the behaviour of `abortConnect=false`: while nothing answers, we try again.
        "abortconnect", "allowadmin", "asynctimeout", "backlogpolicy", "certificateselection",
        "checkcertificaterevocation", "configchannel", "configcheckseconds", "configurationchannel", "connectretry",
        "defaultversion", "heartbeatconsistencychecks", "heartbeatinterval", "highintegrity",
        "highprioritysocketthreads", "includedetailinexceptions", "includeperformancecountersinexceptions",
        "preserveasyncorder", "protocol", "proxy", "reconnectretrypolicy", "resolvedns", "responsetimeout",
        "setclientlibrary", "libraryname", "tiebreaker", "version", "writebuffer",
    ]

    private mutating func apply(_ option: String, value: String) throws(ConnectionStringError) {
        switch option.lowercased() {
        case "password": configuration.password = value.isEmpty ? nil : Secret(value)
        case "user": configuration.username = value.isEmpty ? nil : value
        case "name": configuration.clientName = value.isEmpty ? configuration.clientName : value
        case "defaultdatabase":
            configuration.database = try URLParts.database(value[...], what: "'defaultDatabase'")
        case "connecttimeout": configuration.connectTimeoutMilliseconds = try milliseconds(value, of: "connectTimeout")
        case "synctimeout": configuration.answerTimeoutMilliseconds = try milliseconds(value, of: "syncTimeout")
        case "keepalive":
            guard let seconds = Int64(value), seconds < 1_000_000 else {
                throw ConnectionStringError("'keepAlive' is a number of seconds")
            }
            // 0 and -1 leave it to the default there too.
            if seconds > 0 { configuration.pingIntervalSeconds = seconds }
        case "servicename": configuration.sentinelMaster = value.isEmpty ? nil : value
        case "ssl": usesTLS = try truth(of: value, option: "ssl")
        case "sslhost": tls.serverName = value.isEmpty ? nil : value
        case "sslprotocols": try applyProtocols(value)
        case "channelprefix":
            configuration.warnings.append(
                "'channelPrefix' is ignored: SignalR's SUBSCRIBE is prefixed but its PUBLISH is not, so nodes that use it receive nothing; the relay subscribes to the channel that is published on"
            )
        case "tunnel":
            configuration.warnings.append("'tunnel' is ignored: the connection is made directly")
        case let name where name.first == "$":
            configuration.warnings.append(
                "renamed commands ('$...=') are ignored: the server's own names are used")
        case let name where Self.withoutBearing.contains(name): break
        default:
            // Only what looks like a name is named: the rest of a mangled password may stand here.
            let isName = option.count <= 40 && option.utf8.allSatisfy { ($0 | 0x20) >= 0x61 && ($0 | 0x20) <= 0x7A }
            configuration.warnings.append(
                "\(isName ? "option '\(option)'" : "an option") of the connection string is not known and has no effect"
            )
        }
    }

    private mutating func applyProtocols(_ value: String) throws(ConnectionStringError) {
        var lowest: RedisTLS.Version?
        for name in value.split(whereSeparator: { $0 == "|" || $0 == "+" || $0 == " " }) {
            let version: RedisTLS.Version
            switch name.lowercased() {
            case "none", "default": continue
            case "tls", "tls10": version = .tls10
            case "tls11": version = .tls11
            case "tls12": version = .tls12
            case "tls13": version = .tls13
            default: throw ConnectionStringError("'sslProtocols' is Tls12, Tls13 or both: Tls12|Tls13")
            }
            lowest = min(lowest ?? version, version)
        }
        guard let lowest else { return }
        tls.minimumVersion = lowest
        if lowest < .tls12 {
            configuration.warnings.append("'sslProtocols' permits TLS below 1.2, which is broken; write Tls12|Tls13")
        }
    }

    private func milliseconds(_ value: String, of option: String) throws(ConnectionStringError) -> Int64 {
        guard let number = Int64(value), (1...86_400_000).contains(number) else {
            throw ConnectionStringError("'\(option)' is a number of milliseconds above 0, a day at most")
        }
        return number
    }

    private func truth(of value: String, option: String) throws(ConnectionStringError) -> Bool {
        switch value.lowercased() {
        case "true", "yes", "on", "1": return true
        case "false", "no", "off", "0": return false
        default: throw ConnectionStringError("'\(option)' is true or false")
        }
    }
}
