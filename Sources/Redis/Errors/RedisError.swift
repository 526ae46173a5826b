package import TLS

/// Errors in using a Redis server. Texts name the server and the remedy, and contain no secret.
package enum RedisError: Error, Equatable, Sendable {
    // MARK: Reaching a server

    /// No connection within the connect timeout.
    case cannotConnect(endpoint: String, failure: ConnectFailure)
    /// The connection ended before the reply.
    case connectionClosed(endpoint: String)
    /// The server accepted the connection but did not reply.
    case noAnswer(endpoint: String, seconds: Int)
    /// The server sent bytes that are not RESP; hiredis' message.
    case notRedis(endpoint: String, reason: String)
    case tls(endpoint: String, TLSFailure)
    /// A certificate or key file that cannot be used.
    case tlsFile(path: String, reason: String)

    // MARK: Logging in

    case passwordFile(path: String, reason: String)
    /// A password is required but none was given (`NOAUTH`).
    case authenticationRequired(endpoint: String)
    /// Wrong user or password (`WRONGPASS`, `ERR AUTH ...`).
    case authenticationFailed(endpoint: String, reply: String)
    /// A sentinel requires a password but none was given.
    case sentinelWantsLogin(endpoint: String)
    /// A sentinel requires a login and refused this one; `isOwn` if it is specific to sentinels.
    case sentinelRefusedLogin(endpoint: String, reply: String, isOwn: Bool)
    /// The ACL user lacks a right (`NOPERM`); `rule` adds it.
    case notPermitted(endpoint: String, command: String, reply: String, rule: String?)
    case wrongDatabase(endpoint: String, database: Int)

    // MARK: Being the right server

    /// `master` is the replica's master, if known.
    case replica(endpoint: String, master: String?)
    /// The caller wants to publish to a cluster.
    case clusterMode(endpoint: String)
    /// It is unknown whether the server is a cluster, and the caller wants to publish.
    case clusterUnknown(endpoint: String)
    /// A node of a cluster reports `cluster_state:fail`; try another node first.
    case cutOff(endpoint: String)
    /// Not every node of a cluster can be queried, so there is no answer for all of them.
    case clusterIncomplete(reason: String)
    /// A sentinel instead of a server.
    case sentinel(endpoint: String)
    /// None of several servers can be used.
    case noneOf([RedisError])
    /// The responding sentinels do not know the name.
    case unknownMaster(name: String, sentinels: String)
    /// No sentinel responds; one reason per sentinel.
    case noSentinel(name: String, reasons: [String])
    /// The master named by the sentinels says that it is a replica.
    case demotedMaster(endpoint: String, name: String)
    /// A search prefers another server to this one.
    case passedOver(endpoint: String, reason: String)
    /// A replica cannot answer, and its master, where nodes subscribe, cannot be asked.
    case masterAway(replica: String, master: String, reason: String)

    // MARK: Asking it

    case loading(endpoint: String)
    /// It refuses to write because it cannot persist (`MISCONF`).
    case cannotPersist(endpoint: String)
    /// It refuses to write because its memory is full (`OOM`).
    case outOfMemory(endpoint: String)
    /// It refuses to write because it is a replica (`READONLY`).
    case readOnly(endpoint: String)
    /// Any other error reply.
    case serverError(command: String, reply: String)
    /// A reply of an unexpected type.
    case unexpectedReply(command: String, reply: String)

    /// True if a retry may succeed without a change of the configuration.
    package var isTransient: Bool {
        switch self {
        case .cannotConnect, .connectionClosed, .noAnswer, .noSentinel, .demotedMaster, .passedOver, .masterAway,
            .cutOff, .clusterIncomplete, .loading, .cannotPersist, .outOfMemory, .readOnly:
            true
        case .notRedis, .tlsFile, .passwordFile, .authenticationRequired, .authenticationFailed, .notPermitted,
            .sentinelWantsLogin, .sentinelRefusedLogin, .clusterUnknown, .wrongDatabase, .replica, .clusterMode,
            .sentinel, .unknownMaster, .unexpectedReply:
            false
        case .tls(_, let failure): failure.isTransient
        // Servers that are all replicas may be in a failover.
        case .noneOf(let errors):
            errors.contains { $0.isTransient } || errors.allSatisfy { if case .replica = $0 { true } else { false } }
        case .serverError(_, let reply):
            ["BUSY", "TRYAGAIN", "MASTERDOWN", "NOMASTERLINK", "CLUSTERDOWN"].contains { reply.hasPrefix($0) }
                || reply.hasPrefix("ERR max number of clients")
        }
    }

    /// True if the server's role is the reason, which may be accepted in another round of a search.
    var isAboutRole: Bool {
        switch self {
        case .replica, .demotedMaster, .passedOver: true
        default: false
        }
    }

    /// True if only this answer is unavailable: the connection is usable, and a later attempt may succeed.
    package var concernsOneAnswer: Bool {
        switch self {
        case .serverError, .clusterIncomplete: true
        default: false
        }
    }

    /// True if only a replica can be asked, to which nodes do not subscribe.
    package var isMasterAway: Bool { if case .masterAway = self { true } else { false } }

    /// True if the server refused the login: after an earlier success the password was probably rotated.
    package var isLoginRefused: Bool {
        switch self {
        case .authenticationRequired, .authenticationFailed, .sentinelWantsLogin, .sentinelRefusedLogin: true
        case .noneOf(let errors): errors.contains { $0.isLoginRefused }
        default: false
        }
    }
}

extension RedisError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .cannotConnect(let endpoint, let failure): failure.sentence(endpoint)
        case .connectionClosed(let endpoint):
            "Redis at \(endpoint) closed the connection before it answered: the port may expect TLS (then write rediss:// or ssl=true), or the server has too many clients or is stopping"
        case .noAnswer(let endpoint, let seconds):
            "Redis at \(endpoint) accepted the connection but did not answer within \(seconds) s: is it busy or frozen, and is this its port?"
        case .notRedis(let endpoint, let reason):
            "the server at \(endpoint) is not Redis: \(Self.guess(from: reason))"
        case .tls(let endpoint, let failure):
            "no TLS connection to Redis at \(endpoint): \(failure)"
        case .tlsFile(let path, let reason):
            "'\(path)' cannot be used for TLS: \(reason)"
        case .passwordFile(let path, let reason):
            "no password can be read from the file '\(path)': \(reason)"
        case .authenticationRequired(let endpoint):
            "Redis at \(endpoint) requires a password (NOAUTH) and none is given; put it into the address or into a password file"
        case .authenticationFailed(let endpoint, let reply)
        where reply.contains("without any password configured") || reply.contains("no password is set"):
            "Redis at \(endpoint) has no password, but one is given: is it the right server? If so, leave the password out"
        case .authenticationFailed(let endpoint, let reply):
            "Redis at \(endpoint) refused the login: \(Self.quoted(reply)); check user and password"
        case .sentinelWantsLogin(let endpoint):
            "the sentinel at \(endpoint) requires a password (NOAUTH) and none is given; write sentinelPassword=... into the address (host:26379,serviceName=mymaster,sentinelPassword=...)"
        case .sentinelRefusedLogin(let endpoint, let reply, true):
            "the sentinel at \(endpoint) refused the login: \(Self.quoted(reply)); check sentinelUser and sentinelPassword"
        case .sentinelRefusedLogin(let endpoint, let reply, false):
            "the sentinel at \(endpoint) refused the login of the servers: \(Self.quoted(reply)); if the sentinels have their own password, write sentinelPassword=... into the address"
        case .notPermitted(let endpoint, let command, let reply, let rule):
            "Redis at \(endpoint) does not permit \(command): \(Self.quoted(reply)); "
                + (rule.map { "an administrator can grant it with: \($0)" } ?? "grant it to the ACL user")
        case .wrongDatabase(let endpoint, let database):
            "Redis at \(endpoint) has no database \(database); name another one ('databases' in redis.conf says how many there are)"
        case .replica(let endpoint, let master):
            "Redis at \(endpoint) is a replica\(master.map { " of \($0)" } ?? ""); name the master, or let Sentinel find it: redis+sentinel://host:26379/mymaster"
        case .clusterMode(let endpoint):
            "Redis at \(endpoint) runs in cluster mode: a cluster can be watched, but publishing to it is not supported, neither for SignalR 2 nor for ASP.NET Core SignalR; name a Redis without cluster mode"
        case .clusterUnknown(let endpoint):
            "cannot determine whether Redis at \(endpoint) runs in cluster mode, where publishing is not supported; permit INFO, HELLO or CLUSTER INFO"
        case .cutOff(let endpoint):
            "Redis at \(endpoint) reports cluster_state:fail: it is cut off from its cluster, or a slot is not served"
        case .clusterIncomplete(let reason):
            "not every node of the cluster can be queried: \(reason)"
        case .sentinel(let endpoint):
            "the server at \(endpoint) is a sentinel, not a Redis server; write redis+sentinel://\(endpoint)/mymaster, or add serviceName=mymaster"
        case .noneOf(let errors):
            "none of the \(errors.count) servers can be used: \(errors.map(\.description).joined(separator: "; "))"
        case .unknownMaster(let name, let sentinels):
            "the sentinels \(sentinels) know no master '\(name)'; is it spelled as in 'sentinel monitor' of sentinel.conf?"
        case .noSentinel(let name, let reasons):
            "no sentinel says where '\(name)' is: \(reasons.joined(separator: "; "))"
        case .demotedMaster(let endpoint, let name):
            "the sentinels name \(endpoint) as the master '\(name)', but it is now a replica; a failover is in progress"
        case .passedOver(let endpoint, let reason):
            "Redis at \(endpoint) is not chosen: \(reason)"
        case .masterAway(let replica, let master, let reason):
            "Redis at \(replica) is a replica, and its master \(master), where nodes subscribe, cannot be queried: \(reason)"
        case .loading(let endpoint):
            "Redis at \(endpoint) is still loading its data into memory (LOADING)"
        case .cannotPersist(let endpoint):
            "Redis at \(endpoint) refuses to write because it cannot save to its disk (MISCONF); see its log, free or repair its disk"
        case .outOfMemory(let endpoint):
            "Redis at \(endpoint) refuses to write because its memory is full (OOM); raise 'maxmemory' or free some"
        case .readOnly(let endpoint):
            "Redis at \(endpoint) refuses to write because it is a replica (READONLY); name the master, or let Sentinel find it"
        case .serverError(let command, let reply):
            "Redis answered \(command) with an error: \(reply)"
        case .unexpectedReply(let command, let reply):
            "Redis answered \(command) with something unexpected: \(reply)"
        }
    }

    /// Guesses the protocol from the first byte of the answer.
    private static func guess(from reason: String) -> String {
        if reason.contains("got \"H\" as reply type byte") {
            return "it answers like a web server; is the port right?"
        }
        if reason.contains("got \"\\x15\" as reply type byte") {
            return "it answers with TLS; write rediss:// or ssl=true"
        }
        if reason.contains("got \"S\" as reply type byte") {
            return "it answers like an SSH server; is the port right?"
        }
        return "its answer is not in the Redis protocol; is the port right, and is it a plain port, not a TLS port?"
    }

    /// A server's reply quoted in a sentence.
    private static func quoted(_ reply: String) -> String {
        var reply = reply[...]
        while let last = reply.last, last == "." || last.isWhitespace { reply.removeLast() }
        return String(reply)
    }
}

extension RedisError {
    /// Classifies an error reply by its first word.
    ///
    /// - Parameters:
    ///   - command: the command, in capitals.
    ///   - user: the ACL user.
    ///   - names: channels or keys of the command.
    package static func from(
        reply: String, command: String, endpoint: String, user: String = "default", names: [String] = []
    ) -> RedisError {
        // "unknown command 'AUTH', with args beginning with: 'the password'": from a server or proxy without that
        // command.
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

    /// True for an error reply unrelated to the command: the server refuses the connection.
    static func refusesConnection(_ reply: String) -> Bool {
        ["NOAUTH", "DENIED", "ERR max number of clients"].contains { reply.hasPrefix($0) }
    }

    /// True if only this command was refused: by the ACL, or because it was removed or renamed.
    package var isRefusalOfCommand: Bool {
        switch self {
        case .notPermitted: true
        case .serverError(_, let reply): Self.refusesCommand(reply)
        default: false
        }
    }

    /// Phrases in error replies of proxies and managed services that do not offer a command.
    private static let refusals = [
        "unsupported", "not supported", "not allowed", "not available", "not permitted", "not implemented",
        "is disabled", "disallowed", "forbidden",
    ]

    /// Whether an error reply means that the command itself is refused.
    static func refusesCommand(_ reply: String) -> Bool {
        let words = reply.lowercased()
        if words.hasPrefix("noperm") { return true }
        // "ERR Unknown subcommand or wrong number of arguments" before Redis 7.
        if words.hasPrefix("err unknown") || words.hasPrefix("err wrong number") { return true }
        return words.hasPrefix("err ") && refusals.contains { words.contains($0) }
    }

    private static func withoutArguments(_ reply: String) -> String {
        var end = reply.startIndex
        while end < reply.endIndex, !reply[end...].hasPrefix(", with args") { end = reply.index(after: end) }
        return String(reply[..<end])
    }
}
