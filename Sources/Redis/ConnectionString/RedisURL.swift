/// `redis://[user:password@]host[:port][/database]`, the part after the slashes.
enum RedisURL {
    static func parse(
        _ text: Substring, scheme: String, tls: RedisTLS?
    ) throws(ConnectionStringError) -> RedisConfiguration {
        var rest = text
        try URLParts.refuseOptions(in: rest, scheme: scheme)
        try URLParts.refuseParameters(in: rest, scheme: scheme)
        var configuration = RedisConfiguration(servers: [], tls: tls)
        if let at = rest.lastIndex(of: "@") { try configuration.takeLogin(from: &rest, upTo: at, scheme: scheme) }
        if let slash = rest.firstIndex(of: "/") {
            let path = rest[rest.index(after: slash)...]
            rest = rest[..<slash]
            if !path.isEmpty {
                configuration.database = try URLParts.database(path, what: "the path of the \(scheme):// URL")
            }
        }
        configuration.servers = [try HostAndPort(rest).endpoint(defaultPort: 6379)]
        return configuration
    }
}

/// Functions shared by the URL notations.
enum URLParts {
    /// Refuses options after a comma or in a query, even if an '@' in a password after them would make them look like a
    /// login.
    static func refuseOptions(in text: Substring, scheme: String) throws(ConnectionStringError) {
        let parts = text.split(separator: "@", omittingEmptySubsequences: false)
        let hasOptions = parts.indices.contains { index in
            (index == parts.count - 1 || isLikeServer(parts[index].prefix { !signs.contains($0) }))
                && MisplacedOption.follows(anyOf: signs, in: parts[index])
        }
        guard hasOptions else { return }
        throw ConnectionStringError(
            "a \(scheme):// URL takes no options; write host:6379,name=value without \(scheme):// (ssl=true for TLS), or put the login into the URL: \(scheme)://user:password@host:6379, with a comma as %2C and a question mark as %3F"
        )
    }

    private static let signs: Set<Character> = [",", ";", "?", "&", " "]

    /// `host`, `host:6379`, `host:6379/0`: not `user:password`.
    private static func isLikeServer(_ text: Substring) -> Bool {
        let host = text.prefix { $0 != ":" && $0 != "/" }
        return !host.isEmpty
            && text[host.endIndex...].allSatisfy { $0 == ":" || $0 == "/" || ($0.isASCII && $0.isNumber) }
    }

    static func refuseParameters(in text: Substring, scheme: String) throws(ConnectionStringError) {
        guard let query = text.firstIndex(where: { $0 == "?" || $0 == "#" }) else { return }
        throw ConnectionStringError(
            "parameters after '\(text[query])' are not supported in a \(scheme):// URL; write a '?' or '#' in a password as %3F or %23"
        )
    }

    static func database(_ text: Substring, what: String) throws(ConnectionStringError) -> Int {
        guard let number = Int(text), number >= 0 else {
            throw ConnectionStringError("\(what) must be a database number, 0 or above")
        }
        return number
    }

    /// - Parameter what: `the password of the redis:// URL`
    static func percentDecoded(_ text: Substring, what: String) throws(ConnectionStringError) -> String {
        var bytes: [UInt8] = []
        var rest = text.utf8[...]
        while let byte = rest.popFirst() {
            guard byte == UInt8(ascii: "%") else {
                bytes.append(byte)
                continue
            }
            // UInt8's initializer would accept "+F" too.
            guard rest.first != UInt8(ascii: "+"), rest.count >= 2,
                let decoded = UInt8(Substring(rest.prefix(2)), radix: 16)
            else {
                throw ConnectionStringError(
                    "\(what) contains a '%' that is not followed by two hexadecimal digits; write a percent sign as %25"
                )
            }
            rest = rest.dropFirst(2)
            bytes.append(decoded)
        }
        guard let decoded = String(validating: bytes, as: UTF8.self) else {
            throw ConnectionStringError("\(what) is not UTF-8")
        }
        return decoded
    }
}

extension RedisConfiguration {
    /// Removes `user:password@`. The caller determines its end: a password without percent-encoding may contain an '@'.
    mutating func takeLogin(
        from rest: inout Substring, upTo at: Substring.Index, scheme: String
    ) throws(ConnectionStringError) {
        let login = rest[..<at]
        rest = rest[rest.index(after: at)...]
        let colon = login.firstIndex(of: ":")
        let user = try URLParts.percentDecoded(
            login[..<(colon ?? login.endIndex)], what: "the user of the \(scheme):// URL")
        username = user.isEmpty ? nil : user
        guard let colon else { return }
        let password = try URLParts.percentDecoded(
            login[login.index(after: colon)...], what: "the password of the \(scheme):// URL")
        self.password = password.isEmpty ? nil : Secret(password)
    }
}

/// The part before `://`.
enum URLScheme {
    /// Schemes of other protocols, which therefore are not part of a password.
    private static let foreign: Set<String> = [
        "amqp", "file", "ftp", "http", "https", "memcached", "mongodb", "mssql", "mysql", "postgres", "postgresql",
        "redis-cluster", "redis-sentinel", "redis-socket", "redis+socket", "redis+tls", "redis+ssl", "ssh", "tcp",
        "tls",
        "ws", "wss",
    ]

    /// Names the scheme only if it is known: unknown text may be part of a password.
    static func refusal(of scheme: String) -> ConnectionStringError {
        let supported = "write redis://, rediss:// (TLS), unix:// or redis+sentinel://"
        if foreign.contains(scheme) {
            return ConnectionStringError("the scheme '\(scheme)://' is not supported; \(supported)")
        }
        return ConnectionStringError("the scheme before '://' is unknown; \(supported)")
    }
}

/// `unix://[user:password@]/path/to.sock[?db=database]`, the part after the two slashes.
enum UnixURL {
    /// The longest path accepted by the kernel (`sun_path` without its terminator).
    private static let longestPath = 107

    static func parse(_ text: Substring) throws(ConnectionStringError) -> RedisConfiguration {
        var rest = text
        var configuration = RedisConfiguration(servers: [])
        let query = rest.lastIndex(of: "/").flatMap { slash in rest[slash...].firstIndex(of: "?") }
        try URLParts.refuseOptions(in: rest[..<(query ?? rest.endIndex)], scheme: "unix")
        if rest.first != "/", let at = lastLoginEnd(in: rest) {
            try configuration.takeLogin(from: &rest, upTo: at, scheme: "unix")
        }
        guard rest.first == "/" else {
            throw ConnectionStringError(
                "unix:// takes the full path of a socket, with three slashes: unix:///run/redis.sock")
        }
        if let question = rest.firstIndex(of: "?") {
            let query = rest[rest.index(after: question)...]
            rest = rest[..<question]
            guard query.hasPrefix("db=") else {
                throw ConnectionStringError(
                    "a unix:// URL takes one parameter, ?db=N; put user and password before the path")
            }
            configuration.database = try URLParts.database(query.dropFirst(3), what: "'db' of the unix:// URL")
        }
        guard !rest.contains(where: { ",;=&\"'".contains($0) || $0.isWhitespace }) else {
            throw ConnectionStringError(
                "the path of the unix:// URL contains a comma, semicolon, equals sign, quote or space; write it percent-encoded (%2C), or write !/run/redis.sock,name=value for options"
            )
        }
        let path = try URLParts.percentDecoded(rest, what: "the path of the unix:// URL")
        guard path.utf8.count > 1, path.utf8.count <= longestPath, !path.utf8.contains(0) else {
            throw ConnectionStringError("the path of the unix:// URL must have 2 to \(longestPath) bytes")
        }
        configuration.servers = [.unix(path: path)]
        return configuration
    }

    /// The last '@' followed by a path.
    private static func lastLoginEnd(in text: Substring) -> Substring.Index? {
        text.indices.last { text[$0] == "@" && text[text.index(after: $0)...].first == "/" }
    }
}

/// `redis+sentinel://[user:password@]host[:port],host[:port]/master[/database]`, the part after the slashes.
enum SentinelURL {
    static func parse(
        _ text: Substring, scheme: String, tls: RedisTLS?
    ) throws(ConnectionStringError) -> RedisConfiguration {
        var rest = text
        try URLParts.refuseOptions(in: rest, scheme: scheme)
        try URLParts.refuseParameters(in: rest, scheme: scheme)
        var configuration = RedisConfiguration(servers: [], tls: tls)
        if let at = rest.lastIndex(of: "@") { try configuration.takeLogin(from: &rest, upTo: at, scheme: scheme) }
        let path = rest.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false).dropFirst().first ?? ""
        let parts = path.split(separator: "/", maxSplits: 1, omittingEmptySubsequences: false)
        guard let name = parts.first, !name.isEmpty,
            !name.contains(where: { ",;=&\"'".contains($0) || $0.isWhitespace })
        else {
            throw ConnectionStringError(
                "the name of the master is missing, or contains a character that must be percent-encoded; write \(scheme)://host:26379,host:26379/mymaster"
            )
        }
        configuration.sentinelMaster = try URLParts.percentDecoded(name, what: "the master of the \(scheme):// URL")
        if parts.count > 1, !parts[1].isEmpty {
            configuration.database = try URLParts.database(
                parts[1], what: "the part after the master in the \(scheme):// URL")
        }
        let hosts = rest.prefix { $0 != "/" }
        for host in hosts.split(separator: ",", omittingEmptySubsequences: false) {
            configuration.servers.append(try HostAndPort(host).endpoint(defaultPort: 26379))
        }
        return configuration
    }
}
