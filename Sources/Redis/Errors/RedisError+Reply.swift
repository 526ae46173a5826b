extension RedisError {
    /// Sorts an error reply by its first word.
    ///
    /// - Parameters:
    ///   - command: what was asked, in capitals.
    ///   - user: the ACL user that asked.
    ///   - names: channels or keys that the command named.
    package static func from(
        reply: String, command: String, endpoint: String, user: String = "default", names: [String] = []
    ) -> RedisError {
        // "unknown command 'AUTH', with args beginning with: 'the password'": a server or proxy without that command.
        let reply = withoutArguments(reply)
        switch reply.prefix(while: { $0 != " " }) {
        case "NOAUTH": return .authenticationRequired(endpoint: endpoint)
        case "WRONGPASS": return .authenticationFailed(endpoint: endpoint, reply: reply)
        case "NOPERM":
            let rule = AccessRule.missing(reply: reply, command: command, names: names)
            return .notPermitted(
                endpoint: endpoint, command: command, reply: reply,
                rule: rule.map { AccessRule.command(adding: $0, to: user) })
        case "LOADING": return .loading(endpoint: endpoint)
        case "MISCONF": return .cannotPersist(endpoint: endpoint)
        case "OOM": return .outOfMemory(endpoint: endpoint)
        case "READONLY": return .readOnly(endpoint: endpoint)
        case "MOVED", "ASK", "CROSSSLOT": return .clusterMode(endpoint: endpoint)
        default: break
        }
        if reply.hasPrefix("ERR AUTH") || reply.hasPrefix("ERR invalid password")
            || reply.hasPrefix("ERR Client sent AUTH")
        {
            return .authenticationFailed(endpoint: endpoint, reply: reply)
        }
        return .serverError(command: command, reply: reply)
    }

    /// True for an error reply that is not about the command at all: the server will not serve this connection.
    static func refusesConnection(_ reply: String) -> Bool {
        ["NOAUTH", "DENIED", "ERR max number of clients"].contains { reply.hasPrefix($0) }
    }

    /// True if only this command was refused: by the ACL, or by a server that has removed or renamed it.
    package var isRefusalOfCommand: Bool {
        switch self {
        case .notPermitted: true
        case .serverError(_, let reply): reply.hasPrefix("ERR unknown") || reply.hasPrefix("ERR wrong number")
        default: false
        }
    }

    private static func withoutArguments(_ reply: String) -> String {
        var end = reply.startIndex
        while end < reply.endIndex, !reply[end...].hasPrefix(", with args") { end = reply.index(after: end) }
        return String(reply[..<end])
    }
}
