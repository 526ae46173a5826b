import SystemPackage

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The current login of a connection.
struct RedisCredentials: Sendable, Equatable {
    /// ACL user; nil logs in as `default`.
    var username: String?
    var password: Secret

    var authCommand: [RESPArgument] {
        if let username { return ["AUTH", .text(username), .text(password.reveal())] }
        return ["AUTH", .text(password.reveal())]
    }

    /// Replies of Redis, Valkey and similar servers to a login; none contains the password.
    private static let knownReplies = [
        "WRONGPASS invalid username-password pair", "NOAUTH ", "ERR invalid password", "ERR Client sent AUTH, but no",
        "ERR AUTH <password> called without", "ERR wrong number of arguments", "NOPERM ",
    ]

    /// A reply to the login without any password. Unknown replies, such as a proxy's, are cut after the first word:
    /// removing only the password could still reveal it by the surrounding text.
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
    /// Reads the password file, if any: a rotated password takes effect at the next connection.
    ///
    /// - Returns: nil if there is no password.
    /// - Throws: ``RedisError/passwordFile(path:reason:)``
    func credentials() throws(RedisError) -> RedisCredentials? {
        if let passwordFile {
            return RedisCredentials(username: username, password: try passwordFile.read())
        }
        return password.map { RedisCredentials(username: username, password: $0) }
    }

    /// The login for sentinels.
    ///
    /// - Throws: ``RedisError/passwordFile(path:reason:)``
    func sentinelCredentials() throws(RedisError) -> RedisCredentials? {
        if let sentinelPassword { return RedisCredentials(username: sentinelUsername, password: sentinelPassword) }
        return try credentials()
    }

    /// The ACL user of the connection.
    package var aclUser: String { username ?? "default" }
}

/// A file whose content, without the line end, is the password.
public struct PasswordFile: Sendable, Equatable {
    /// Longer than any password; a wrong file is not read completely.
    private static let limit = 64 * 1024

    /// Read for each connection, and while connected.
    public let path: String

    /// - Parameter path: of the file; it need not exist yet.
    public init(path: String) {
        self.path = path
    }

    /// A warning about the file's mode; nil if it is fine or there is no file.
    public var warning: String? {
        var status = stat()
        guard stat(path, &status) == 0, status.st_mode & S_IROTH != 0 else { return nil }
        return "the password file '\(path)' is readable by every user on this machine; chmod 600 it"
    }

    /// Whether it is something that can be read only once, such as a pipe.
    var isConsumed: Bool {
        var status = stat()
        return stat(path, &status) == 0 && status.st_mode & S_IFMT != S_IFREG
    }

    /// - Throws: ``RedisError/passwordFile(path:reason:)``
    func read() throws(RedisError) -> Secret {
        // Nonblocking: a named pipe without a writer must not block us.
        let descriptor = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK)
        guard descriptor >= 0 else { throw failure(Errno(rawValue: errno).description) }
        defer { close(descriptor) }
        var bytes = [UInt8](repeating: 0, count: Self.limit + 1)
        var count = 0
        while count < bytes.count {
            let read = bytes[count...].withUnsafeMutableBytes { readBytes(descriptor, $0.baseAddress, $0.count) }
            if read < 0, errno == EINTR { continue }
            guard read >= 0 else { throw failure(Errno(rawValue: errno).description) }
            if read == 0 { break }
            count += read
        }
        guard count <= Self.limit else { throw failure("it is larger than 64 KiB") }
        var content = bytes[..<count]
        if content.last == UInt8(ascii: "\n") { content.removeLast() }
        if content.last == UInt8(ascii: "\r") { content.removeLast() }
        guard !content.isEmpty else { throw failure("it is empty") }
        guard let text = String(validating: content, as: UTF8.self) else { throw failure("it is not UTF-8") }
        return Secret(text)
    }

    private func failure(_ reason: String) -> RedisError {
        .passwordFile(path: path, reason: reason)
    }
}

/// `read(2)`, hidden by a method with the same name.
private func readBytes(_ descriptor: Int32, _ buffer: UnsafeMutableRawPointer?, _ count: Int) -> Int {
    read(descriptor, buffer, count)
}
