/// What a connection logs in with, as it is now.
struct RedisCredentials: Sendable, Equatable {
    /// ACL user; nil logs in as `default`.
    var username: String?
    var password: Secret

    var authCommand: [RESPArgument] {
        if let username { return ["AUTH", .text(username), .text(password.reveal())] }
        return ["AUTH", .text(password.reveal())]
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

    /// The ACL user of the connection.
    public var aclUser: String { username ?? "default" }
}
