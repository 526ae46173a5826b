extension RedisConfiguration {
    /// Parses an address in any of these notations:
    /// - `redis://[user:password@]host[:port][/database]`, `rediss://` with TLS
    /// - `unix://[user:password@]/path/to.sock[?db=database]`
    /// - `redis+sentinel://[user:password@]host[:port],host[:port]/master[/database]`, `rediss+sentinel://` with TLS
    /// - a StackExchange.Redis string (`host[:port],password=...,defaultDatabase=...`), as in Startup.cs
    ///
    /// Removes quotes, spaces and a configuration key pasted along.
    ///
    /// - Parameter passwordFile: file to read the password from instead.
    /// - Throws: ``ConnectionStringError`` naming the wrong part and what to write instead.
    public init(connectionString text: String, passwordFile: PasswordFile? = nil) throws(ConnectionStringError) {
        let text = PastedAddress.unwrapped(text)
        guard !text.isEmpty else {
            throw ConnectionStringError("the Redis address is empty; write redis://host:6379 or host:6379,password=...")
        }
        // A StackExchange string may contain "://" too, in its password.
        if let schemeEnd = text.range(of: "://"), text[..<schemeEnd.lowerBound].utf8.allSatisfy(Self.isSchemeByte) {
            let scheme = text[..<schemeEnd.lowerBound].lowercased()
            self = try Self.parse(url: text[schemeEnd.upperBound...], scheme: scheme)
            self.passwordFile = passwordFile
            guard username == nil || password != nil || passwordFile != nil else {
                throw ConnectionStringError(
                    "\(scheme):// names a user but no password; write \(scheme)://user:password@... or \(scheme)://:password@..., or name a password file"
                )
            }
        } else {
            self = try StackExchangeString.parse(text)
            self.passwordFile = passwordFile
            if username != nil, password == nil, passwordFile == nil {
                // Same as StackExchange.Redis.
                username = nil
                warnings.append("'user' is ignored: it takes effect only together with 'password'")
            }
        }
        guard passwordFile == nil || password == nil else {
            throw ConnectionStringError(
                "the address contains a password and a password file is named; use only one of them")
        }
    }

    private static func parse(
        url rest: Substring, scheme: String
    ) throws(ConnectionStringError) -> RedisConfiguration {
        switch scheme {
        case "redis", "valkey": return try RedisURL.parse(rest, scheme: scheme, tls: nil)
        case "rediss", "valkeys": return try RedisURL.parse(rest, scheme: scheme, tls: RedisTLS())
        case "redis+sentinel": return try SentinelURL.parse(rest, scheme: scheme, tls: nil)
        case "rediss+sentinel": return try SentinelURL.parse(rest, scheme: scheme, tls: RedisTLS())
        case "unix": return try UnixURL.parse(rest)
        default: throw URLScheme.refusal(of: scheme)
        }
    }

    private static func isSchemeByte(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "+"), UInt8(ascii: "-"), UInt8(ascii: "."):
            true
        default: false
        }
    }
}

extension StringProtocol {
    func trimmingSpaces() -> String {
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

/// Why a connection string was refused. The text never contains the string itself, which may contain a password.
public struct ConnectionStringError: Error, Equatable, Sendable, CustomStringConvertible {
    public let description: String

    init(_ description: String) {
        self.description = description
    }
}

/// Removes what was pasted around an address: spaces and line ends, quotes, the key of a configuration file or a shell
/// variable.
enum PastedAddress {
    private static let quotes: Set<Character> = ["\"", "'", "`", "\u{201C}", "\u{201D}"]

    static func unwrapped(_ text: String) -> String {
        var text = text.trimmingSpaces()
        // Wrappers may be nested: export NAME="...", "Name": "...",
        for _ in 0..<3 {
            let before = text
            text = withoutQuotes(withoutName(text))
            if text == before { break }
        }
        // The end of a line of code; after a value it may be the end of a password.
        let last = text.split(separator: ",", omittingEmptySubsequences: false).last ?? ""
        return last.hasSuffix(";") && !last.contains("=") ? String(text.dropLast()) : text
    }

    /// `ConnectionStrings__Redis=`, `"ConnectionStrings:Redis": `, `export BACKPLANE_RELAY_REDIS=`, `--redis=`.
    private static func withoutName(_ text: String) -> String {
        var rest = text[...]
        for word in ["export ", "set ", "$env:", "--"] where rest.lowercased().hasPrefix(word) {
            rest = rest.dropFirst(word.count)
        }
        let quote = rest.first.flatMap { quotes.contains($0) ? $0 : nil }
        if quote != nil { rest = rest.dropFirst() }
        let name = rest.prefix { $0.isASCII && ($0.isLetter || $0.isNumber || "_:.-".contains($0)) }
        rest = rest[name.endIndex...]
        if let quote {
            guard rest.first == quote else { return text }
            rest = rest.dropFirst()
        }
        rest = rest.drop { $0.isWhitespace }
        guard let sign = rest.first, sign == "=" || (sign == ":" && quote != nil), isName(name) else { return text }
        return rest.dropFirst().trimmingSpaces()
    }

    /// Not the name of an option: only a key for the whole address.
    private static func isName(_ name: Substring) -> Bool {
        let lowercased = name.lowercased()
        guard case .unknown = OptionName(name) else { return false }
        return lowercased.hasPrefix("connectionstring") || lowercased == "redis" || lowercased == "configuration"
            || lowercased.hasSuffix("redis") || lowercased.hasSuffix("connection") || lowercased.hasSuffix("redis_url")
            || lowercased.hasSuffix("connectionstring") || lowercased.hasSuffix("connection_string")
    }

    private static func withoutQuotes(_ text: String) -> String {
        guard let first = text.first, quotes.contains(first) else { return text }
        // A line of a JSON or C# file has more than the quote at its end.
        var end = text.endIndex
        while end > text.startIndex, ",;".contains(text[text.index(before: end)]) { end = text.index(before: end) }
        let body = text[..<end]
        guard body.count >= 2, let last = body.last, quotes.contains(last) else { return text }
        return body.dropFirst().dropLast().trimmingSpaces()
    }
}

/// Finds possible secrets in an address, for hiding them.
package enum AddressSecrets {
    /// The login of a URL, and everything after `password=` or a synonym: a password may contain a comma, and then its
    /// end is unknown.
    ///
    /// - Parameter text: an address, or a command-line argument that may contain one.
    package static func ranges(in text: [UInt8]) -> [Range<Int>] {
        var ranges: [Range<Int>] = []
        if let login = login(in: text) { ranges.append(login) }
        for (equals, sign) in text.enumerated() where sign == UInt8(ascii: "=") && equals + 1 < text.count {
            if OptionName(name(before: equals, in: text)).isSecret {
                ranges.append(equals + 1..<text.count)
                break
            }
        }
        return ranges
    }

    private static let dividers = Set(",;?&=\"' \t\r\n".utf8)

    private static func name(before equals: Int, in text: [UInt8]) -> String {
        var end = equals
        while end > 0, text[end - 1] <= 0x20 { end -= 1 }
        var start = end
        while start > 0, !dividers.contains(text[start - 1]) { start -= 1 }
        return String(decoding: text[start..<end], as: UTF8.self)
    }

    /// The part after the user's colon; everything if there is none, because it may be a password.
    private static func login(in text: [UInt8]) -> Range<Int>? {
        guard let scheme = text.indices.first(where: { text[$0...].starts(with: "://".utf8) }),
            let at = text.lastIndex(of: UInt8(ascii: "@")), at > scheme + 3
        else { return nil }
        let colon = text[(scheme + 3)..<at].firstIndex(of: UInt8(ascii: ":"))
        return (colon.map { $0 + 1 } ?? scheme + 3)..<at
    }
}
