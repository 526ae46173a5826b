/// What a connection logs in with, as it is now.
struct RedisCredentials: Sendable, Equatable {
    /// ACL user; nil logs in as `default`.
    var username: String?
    var password: Secret

    var authCommand: [RESPArgument] {
        if let username { return ["AUTH", .text(username), .text(password.reveal())] }
        return ["AUTH", .text(password.reveal())]
    }

    /// What Redis, Valkey and their like answer to a login; none repeats it.
    private static let knownReplies = [
        "WRONGPASS invalid username-password pair", "NOAUTH ", "ERR invalid password", "ERR Client sent AUTH, but no",
        "ERR AUTH <password> called without", "ERR wrong number of arguments", "NOPERM ",
    ]

    /// A reply to the login that repeats no password. One of a proxy that does is cut behind its first word: with the
    /// password blotted out alone, a well-known text around it would tell it.
    func scrubbed(_ reply: String) -> String {
        if Self.knownReplies.contains(where: { reply.hasPrefix($0) }) { return reply }
        let secret = password.reveal()
        guard reply.contains(secret), let word = reply.split(separator: " ").first, !word.contains(secret) else {
            return reply.contains(secret) ? "an error" : reply
        }
        return "\(word) ..."
    }
}

extension RedisConfiguration {
    /// Reads the password file, if there is one: a rotated password counts from the next connection on.
    ///
    /// - Returns: nil if there is no password.
    /// - Throws: ``RedisError/passwordFile(path:reason:)``
    func credentials() throws(RedisError) -> RedisCredentials? {
        if let passwordFile {
            return RedisCredentials(username: username, password: try passwordFile.read())
        }
        return password.map { RedisCredentials(username: username, password: $0) }
    }

    /// What a sentinel is spoken to with.
    ///
    /// - Throws: ``RedisError/passwordFile(path:reason:)``
    func sentinelCredentials() throws(RedisError) -> RedisCredentials? {
        if let sentinelPassword { return RedisCredentials(username: sentinelUsername, password: sentinelPassword) }
        return try credentials()
    }

    /// The ACL user of the connection.
    package var aclUser: String { username ?? "default" }
}
