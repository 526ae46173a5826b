/// What can go wrong between us and a Redis server. Texts name the server and the remedy; they hold no secret.
public enum RedisError: Error, Equatable, Sendable, CustomStringConvertible {
    /// No TCP connection within the connect timeout.
    case cannotConnect(endpoint: String, reason: String)
    /// The connection ended before the answer came.
    case connectionClosed(endpoint: String)
    /// The server sent bytes that are not RESP; hiredis' words.
    case notRedis(endpoint: String, reason: String)
    /// Wrong or missing user or password (`WRONGPASS`, `NOAUTH`, `ERR AUTH ...`).
    case authenticationFailed(endpoint: String, reply: String)
    /// The ACL user lacks a right (`NOPERM`).
    case notPermitted(endpoint: String, command: String, reply: String)
    /// The server connected and then stayed silent.
    case noAnswer(endpoint: String, seconds: Int)
    /// Any other error reply.
    case serverError(command: String, reply: String)
    /// A reply of another shape than the command promises.
    case unexpectedReply(command: String, reply: String)

    /// True if the same attempt may succeed later without anybody changing the configuration.
    public var isTransient: Bool {
        switch self {
        case .cannotConnect, .connectionClosed, .noAnswer: true
        case .notRedis, .authenticationFailed, .notPermitted, .unexpectedReply: false
        case .serverError(_, let reply):
            ["LOADING", "BUSY", "TRYAGAIN", "MASTERDOWN", "CLUSTERDOWN"].contains { reply.hasPrefix($0) }
                || reply.hasPrefix("ERR max number of clients")
        }
    }

    /// True for an error reply that is not about the command at all: the server will not serve this connection.
    static func refusesConnection(_ reply: String) -> Bool {
        ["NOAUTH", "DENIED", "ERR max number of clients"].contains { reply.hasPrefix($0) }
    }

    /// Sorts an error reply by its first word.
    static func from(reply: String, command: String, endpoint: String) -> RedisError {
        // "unknown command 'AUTH', with args beginning with: 'the password'": a server or proxy without that command.
        let reply = withoutArguments(reply)
        if reply.hasPrefix("WRONGPASS") || reply.hasPrefix("NOAUTH") || reply.hasPrefix("ERR AUTH")
            || reply.hasPrefix("ERR invalid password") || reply.hasPrefix("ERR Client sent AUTH")
        {
            return .authenticationFailed(endpoint: endpoint, reply: reply)
        }
        if reply.hasPrefix("NOPERM") {
            return .notPermitted(endpoint: endpoint, command: command, reply: reply)
        }
        return .serverError(command: command, reply: reply)
    }

    private static func withoutArguments(_ reply: String) -> String {
        var end = reply.startIndex
        while end < reply.endIndex, !reply[end...].hasPrefix(", with args") { end = reply.index(after: end) }
        return String(reply[..<end])
    }

    public var description: String {
        switch self {
        case .cannotConnect(let endpoint, let reason):
            "cannot connect to Redis at \(endpoint): \(reason); is the address right and the server running?"
        case .connectionClosed(let endpoint):
            "Redis at \(endpoint) closed the connection before it answered"
        case .notRedis(let endpoint, let reason):
            "what listens at \(endpoint) does not speak the Redis protocol (\(reason)); is the port right, and is it a plain one, not TLS?"
        case .authenticationFailed(let endpoint, let reply):
            "Redis at \(endpoint) refused the login: \(reply); check user and password"
        case .notPermitted(let endpoint, let command, let reply):
            "Redis at \(endpoint) does not permit \(command): \(reply); give the ACL user this right"
        case .noAnswer(let endpoint, let seconds):
            "Redis at \(endpoint) accepted the connection but did not answer within \(seconds) s"
        case .serverError(let command, let reply):
            "Redis answered \(command) with an error: \(reply)"
        case .unexpectedReply(let command, let reply):
            "Redis answered \(command) with something unexpected: \(reply)"
        }
    }
}
