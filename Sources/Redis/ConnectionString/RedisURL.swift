/// `redis://[user:password@]host[:port][/database]`, from behind the slashes on.
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

/// What the URL notations have in common.
enum URLParts {
    /// Options behind a comma or in a query, also where an '@' in a password behind them would make a login of them.
    static func refuseOptions(in text: Substring, scheme: String) throws(ConnectionStringError) {
        let parts = text.split(separator: "@", omittingEmptySubsequences: false)
        let hasOptions = parts.indices.contains { index in
            (index == parts.count - 1 || isLikeServer(parts[index].prefix { !signs.contains($0) }))
                && MisplacedOption.follows(anyOf: signs, in: parts[index])
        }
        guard hasOptions else { return }
        throw ConnectionStringError(
            "a \(scheme):// URL takes no options; write host:6379,name=value without \(scheme):// (ssl=true for TLS), or the login into the URL: \(scheme)://user:password@host:6379, a comma in it as %2C, a question mark as %3F"
        )
    }

    private static let signs: Set<Character> = [",", ";", "?", "&", " "]

    /// `host`, `host:6379`, `host:6379/0`: no `user:password`.
    private static func isLikeServer(_ text: Substring) -> Bool {
        let host = text.prefix { $0 != ":" && $0 != "/" }
        return !host.isEmpty
            && text[host.endIndex...].allSatisfy { $0 == ":" || $0 == "/" || ($0.isASCII && $0.isNumber) }
    }

    static func refuseParameters(in text: Substring, scheme: String) throws(ConnectionStringError) {
        guard let query = text.firstIndex(where: { $0 == "?" || $0 == "#" }) else { return }
        throw ConnectionStringError(
            "parameters after '\(text[query])' are not supported in a \(scheme):// URL; a '?' or '#' of a password is written %3F or %23"
        )
    }

    static func database(_ text: Substring, what: String) throws(ConnectionStringError) -> Int {
        guard let number = Int(text), number >= 0 else {
            throw ConnectionStringError("\(what) is a database number, 0 or above")
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
            // UInt8's initializer would take "+F" too.
            guard rest.first != UInt8(ascii: "+"), rest.count >= 2,
                let decoded = UInt8(Substring(rest.prefix(2)), radix: 16)
            else {
                throw ConnectionStringError(
                    "\(what) holds a '%' that no two hexadecimal digits follow; write a percent sign as %25")
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
    /// Cuts `user:password@` off. The caller says where it ends: a password pasted without percent-encoding may hold
    /// an '@' itself.
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

/// What stands before `://`.
enum URLScheme {
    /// Those of other things, which so hold no part of a password.
    private static let foreign: Set<String> = [
        "amqp", "file", "ftp", "http", "https", "memcached", "mongodb", "mssql", "mysql", "postgres", "postgresql",
        "redis-cluster", "redis-sentinel", "redis-socket", "redis+socket", "redis+tls", "redis+ssl", "ssh", "tcp",
        "tls",
        "ws", "wss",
    ]

    /// Names it only where it is known: an unknown text may be a part of a password.
    static func refusal(of scheme: String) -> ConnectionStringError {
        let supported = "write redis://, rediss:// (TLS), unix:// or redis+sentinel://"
        if foreign.contains(scheme) {
            return ConnectionStringError("the scheme '\(scheme)://' is not supported; \(supported)")
        }
        return ConnectionStringError("what stands before '://' is no scheme that is known; \(supported)")
    }
}
