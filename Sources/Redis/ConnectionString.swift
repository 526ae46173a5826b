/// Why a connection string was refused. The text never repeats the string itself: it may hold a password.
public struct ConnectionStringError: Error, Equatable, Sendable, CustomStringConvertible {
    public let description: String

    init(_ description: String) {
        self.description = description
    }
}

extension RedisConfiguration {
    /// Reads `redis://[user:password@]host[:port][/database]` or a StackExchange.Redis string
    /// (`host[:port],password=...,defaultDatabase=...`), as it stands in Startup.cs.
    ///
    /// - Throws: ``ConnectionStringError`` naming the part at fault and what to write instead.
    public init(connectionString text: String) throws(ConnectionStringError) {
        let text = text.trimmingSpaces()
        guard !text.isEmpty else {
            throw ConnectionStringError("the Redis address is empty; write redis://host:6379 or host:6379,password=...")
        }
        // A StackExchange string may hold "://" too, in its password.
        if let schemeEnd = text.range(of: "://"),
            text[..<schemeEnd.lowerBound].utf8.allSatisfy({ Self.isSchemeByte($0) })
        {
            let scheme = text[..<schemeEnd.lowerBound].lowercased()
            guard scheme == "redis" else {
                throw ConnectionStringError(
                    "the scheme '\(scheme)://' is not supported; this version connects by redis:// (plain TCP)")
            }
            self = try RedisConfiguration.parse(url: text[schemeEnd.upperBound...])
        } else {
            self = try RedisConfiguration.parse(stackExchange: text)
        }
    }

    // MARK: - redis://

    private static func isSchemeByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."):
            true
        default: false
        }
    }

    private static func parse(url rest: Substring) throws(ConnectionStringError) -> RedisConfiguration {
        var rest = rest
        if let query = rest.firstIndex(where: { $0 == "?" || $0 == "#" }) {
            throw ConnectionStringError(
                "parameters after '\(rest[query])' are not supported in a redis:// URL; write user, password and database as redis://user:password@host:port/database"
            )
        }
        var configuration = RedisConfiguration(host: "")
        // The last '@': a password pasted without percent-encoding may hold one itself.
        if let at = rest.lastIndex(of: "@") {
            let login = rest[..<at]
            rest = rest[rest.index(after: at)...]
            let colon = login.firstIndex(of: ":")
            let user = try percentDecoded(login[..<(colon ?? login.endIndex)], what: "user")
            configuration.username = user.isEmpty ? nil : user
            if let colon {
                let password = try percentDecoded(login[login.index(after: colon)...], what: "password")
                configuration.password = password.isEmpty ? nil : Secret(password)
            }
            if configuration.username != nil, configuration.password == nil {
                throw ConnectionStringError(
                    "redis:// names a user but no password; write redis://user:password@host or redis://:password@host")
            }
        }
        if let slash = rest.firstIndex(of: "/") {
            let path = rest[rest.index(after: slash)...]
            rest = rest[..<slash]
            if !path.isEmpty {
                configuration.database = try database(path, what: "the path of the redis:// URL")
            }
        }
        (configuration.host, configuration.port) = try endpoint(rest)
        return configuration
    }

    private static func percentDecoded(
        _ text: Substring, what: String
    ) throws(ConnectionStringError) -> String {
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
                    "the \(what) of the redis:// URL holds a '%' that no two hexadecimal digits follow; write a percent sign as %25"
                )
            }
            rest = rest.dropFirst(2)
            bytes.append(decoded)
        }
        guard let decoded = String(validating: bytes, as: UTF8.self) else {
            throw ConnectionStringError("the \(what) of the redis:// URL is not UTF-8")
        }
        return decoded
    }

    // MARK: - StackExchange.Redis

    private static func parse(stackExchange text: String) throws(ConnectionStringError) -> RedisConfiguration {
        var configuration = RedisConfiguration(host: "")
        var endpoints: [(String, Int)] = []
        for part in text.split(separator: ",") {
            let part = part.trimmingSpaces()
            if part.isEmpty { continue }
            // An endpoint never holds '='; a value may (base64 access keys end in it), so the first one divides.
            guard let equals = part.firstIndex(of: "=") else {
                endpoints.append(try endpoint(part[...]))
                continue
            }
            let name = part[..<equals].trimmingSpaces().lowercased()
            let value = part[part.index(after: equals)...].trimmingSpaces()
            try configuration.apply(stackExchangeOption: name, value: value)
        }
        guard let first = endpoints.first else {
            throw ConnectionStringError("the connection string names no server; it begins with host:port, then options")
        }
        (configuration.host, configuration.port) = first
        if configuration.username != nil, configuration.password == nil {
            // As StackExchange.Redis does it.
            configuration.username = nil
            configuration.warnings.append("'user' is ignored: it takes effect only together with 'password'")
        }
        if endpoints.count > 1 {
            configuration.warnings.append(
                "the connection string names \(endpoints.count) servers; only the first, \(configuration.endpoint), is used"
            )
        }
        return configuration
    }

    private mutating func apply(
        stackExchangeOption name: String, value: String
    ) throws(ConnectionStringError) {
        switch name {
        case "password":
            password = value.isEmpty ? nil : Secret(value)
        case "user":
            username = value.isEmpty ? nil : value
        case "defaultdatabase":
            database = try RedisConfiguration.database(value[...], what: "'defaultDatabase'")
        case "connecttimeout":
            guard let milliseconds = Int64(value), milliseconds > 0 else {
                throw ConnectionStringError("'connectTimeout' is a number of milliseconds above 0")
            }
            connectTimeoutMilliseconds = milliseconds
        case "ssl" where ["true", "yes", "on", "1"].contains(value.lowercased()):
            throw ConnectionStringError("'ssl=true' asks for TLS, which this version does not speak yet")
        case "channelprefix":
            warnings.append(
                "'channelPrefix' is ignored: SignalR's SUBSCRIBE is prefixed but its PUBLISH is not, so nodes that use it receive nothing"
            )
        case "ssl", "abortconnect", "name", "synctimeout", "asynctimeout", "connectretry", "keepalive", "allowadmin":
            break  // Says how StackExchange.Redis behaves; it has no bearing on a subscriber of our own.
        default:
            warnings.append("option '\(name)' of the connection string is not known and has no effect")
        }
    }

    // MARK: - Common

    private static func database(_ text: Substring, what: String) throws(ConnectionStringError) -> Int {
        guard let number = Int(text), number >= 0 else {
            throw ConnectionStringError("\(what) is a database number, 0 or above")
        }
        return number
    }

    private static let hostStoppers = Set(" \t\r\n,;=@/".utf8)

    private static func endpoint(_ text: Substring) throws(ConnectionStringError) -> (host: String, port: Int) {
        let host: Substring
        var port: Substring?
        if text.first == "[" {
            guard let close = text.firstIndex(of: "]") else {
                throw ConnectionStringError(
                    "an IPv6 address is written in brackets, [::1]:6379; the closing one is missing")
            }
            host = text[text.index(after: text.startIndex)..<close]
            let after = text[text.index(after: close)...]
            guard after.isEmpty || after.first == ":" else {
                throw ConnectionStringError("after the IPv6 address in brackets comes :port or nothing")
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
        // Where an operator mixes the two notations up, options or a login end up here. The host is printed; they must
        // not be.
        guard !host.utf8.contains(where: { hostStoppers.contains($0) }) else {
            throw ConnectionStringError(
                "the host name holds a character that no host name has (a space or one of , ; = @ /); a redis:// URL takes no options after a comma, a login needs redis:// before it"
            )
        }
        guard let port else { return (String(host), 6379) }
        guard let number = Int(port), (1...65535).contains(number) else {
            throw ConnectionStringError("the port is a number from 1 to 65535")
        }
        return (String(host), number)
    }
}

extension StringProtocol {
    fileprivate func trimmingSpaces() -> String {
        var text = Substring(self)
        while let first = text.first, first.isWhitespace { text.removeFirst() }
        while let last = text.last, last.isWhitespace { text.removeLast() }
        return String(text)
    }

    fileprivate func range(of needle: String) -> Range<Index>? {
        var start = startIndex
        while start < endIndex {
            if self[start...].hasPrefix(needle) {
                return start..<index(start, offsetBy: needle.count)
            }
            start = index(after: start)
        }
        return nil
    }
}
