/// `unix://[user:password@]/path/to.sock[?db=database]`, from behind the two slashes on.
enum UnixURL {
    /// The longest path that the kernel takes (`sun_path` without its end).
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
                "unix:// takes the whole path of a socket, with three slashes: unix:///run/redis.sock")
        }
        if let question = rest.firstIndex(of: "?") {
            let query = rest[rest.index(after: question)...]
            rest = rest[..<question]
            guard query.hasPrefix("db=") else {
                throw ConnectionStringError(
                    "a unix:// URL takes one parameter, ?db=N; user and password stand before the path")
            }
            configuration.database = try URLParts.database(query.dropFirst(3), what: "'db' of the unix:// URL")
        }
        guard !rest.contains(where: { ",;=&\"'".contains($0) || $0.isWhitespace }) else {
            throw ConnectionStringError(
                "the path of the unix:// URL holds a comma, semicolon, equals sign, quote or blank; write it percent-encoded (%2C), or write !/run/redis.sock,name=value for options"
            )
        }
        let path = try URLParts.percentDecoded(rest, what: "the path of the unix:// URL")
        guard path.utf8.count > 1, path.utf8.count <= longestPath, !path.utf8.contains(0) else {
            throw ConnectionStringError("the path of the unix:// URL has 2 to \(longestPath) bytes")
        }
        configuration.servers = [.unix(path: path)]
        return configuration
    }

    /// The last '@' that a path follows.
    private static func lastLoginEnd(in text: Substring) -> Substring.Index? {
        text.indices.last { text[$0] == "@" && text[text.index(after: $0)...].first == "/" }
    }
}
