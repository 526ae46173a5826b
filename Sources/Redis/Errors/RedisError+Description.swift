extension RedisError: CustomStringConvertible {
    package var description: String {
        switch self {
        case .cannotConnect(let endpoint, let failure): failure.sentence(endpoint)
        case .connectionClosed(let endpoint):
            "Redis at \(endpoint) closed the connection before it answered: a port for TLS does that to a plain connection (then write rediss:// or ssl=true), and so does a server that is full or stops"
        case .noAnswer(let endpoint, let seconds):
            "Redis at \(endpoint) accepted the connection but did not answer within \(seconds) s: is it busy or frozen, and is this its port?"
        case .notRedis(let endpoint, let reason):
            "what listens at \(endpoint) is not Redis: \(Self.guess(from: reason))"
        case .tls(let endpoint, let failure):
            "no TLS connection to Redis at \(endpoint): \(failure)"
        case .tlsFile(let path, let reason):
            "'\(path)' cannot be used for TLS: \(reason)"
        case .passwordFile(let path, let reason):
            "no password can be read from the file '\(path)': \(reason)"
        case .authenticationRequired(let endpoint):
            "Redis at \(endpoint) wants a password (NOAUTH) and none is given; put it into the address, or into a file of its own"
        case .authenticationFailed(let endpoint, let reply)
        where reply.contains("without any password configured") || reply.contains("no password is set"):
            "Redis at \(endpoint) has no password, but one is given: is it the right server? If so, leave the password out"
        case .authenticationFailed(let endpoint, let reply):
            "Redis at \(endpoint) refused the login: \(Self.quoted(reply)); check user and password"
        case .sentinelWantsLogin(let endpoint):
            "the sentinel at \(endpoint) wants a password (NOAUTH) and none is given; write sentinelPassword=... into the address (host:26379,serviceName=mymaster,sentinelPassword=...)"
        case .sentinelRefusedLogin(let endpoint, let reply, true):
            "the sentinel at \(endpoint) refused the login: \(Self.quoted(reply)); check sentinelUser and sentinelPassword"
        case .sentinelRefusedLogin(let endpoint, let reply, false):
            "the sentinel at \(endpoint) refused the login of the servers: \(Self.quoted(reply)); if sentinels have one of their own, write sentinelPassword=... into the address"
        case .notPermitted(let endpoint, let command, let reply, let rule):
            "Redis at \(endpoint) does not permit \(command): \(Self.quoted(reply)); "
                + (rule.map { "an administrator gives the right with: \($0)" } ?? "give the ACL user this right")
        case .wrongDatabase(let endpoint, let database):
            "Redis at \(endpoint) has no database \(database); name another one ('databases' in redis.conf says how many there are)"
        case .replica(let endpoint, let master):
            "Redis at \(endpoint) is a replica\(master.map { " of \($0)" } ?? ""); name the master, or let sentinels name it: redis+sentinel://host:26379/mymaster"
        case .clusterMode(let endpoint):
            "Redis at \(endpoint) runs in cluster mode, which SignalR 2 does not support; name the Redis of the application"
        case .clusterUnknown(let endpoint):
            "Redis at \(endpoint) does not tell whether it runs in cluster mode, into which nothing may be published; permit INFO, HELLO or CLUSTER INFO"
        case .sentinel(let endpoint):
            "what listens at \(endpoint) is a sentinel, not a Redis server; write redis+sentinel://\(endpoint)/mymaster, or add serviceName=mymaster"
        case .noneOf(let errors):
            "none of the \(errors.count) servers can be used: \(errors.map(\.description).joined(separator: "; "))"
        case .unknownMaster(let name, let sentinels):
            "the sentinels \(sentinels) know no master '\(name)'; is it spelled as in 'sentinel monitor' of sentinel.conf?"
        case .noSentinel(let name, let reasons):
            "no sentinel says where '\(name)' is: \(reasons.joined(separator: "; "))"
        case .demotedMaster(let endpoint, let name):
            "the sentinels name \(endpoint) as the master '\(name)', but it is a replica by now; a failover is under way"
        case .loading(let endpoint):
            "Redis at \(endpoint) is still loading its data into memory (LOADING)"
        case .cannotPersist(let endpoint):
            "Redis at \(endpoint) refuses to write because it cannot save to its disk (MISCONF); see its log, free or repair its disk"
        case .outOfMemory(let endpoint):
            "Redis at \(endpoint) refuses to write because its memory is full (OOM); raise 'maxmemory' or free some"
        case .readOnly(let endpoint):
            "Redis at \(endpoint) refuses to write because it is a replica (READONLY); name the master, or let sentinels name it"
        case .serverError(let command, let reply):
            "Redis answered \(command) with an error: \(reply)"
        case .unexpectedReply(let command, let reply):
            "Redis answered \(command) with something unexpected: \(reply)"
        }
    }

    /// What the first byte of the answer tells.
    private static func guess(from reason: String) -> String {
        if reason.contains("got \"H\" as reply type byte") {
            return "it answers like a web server; is the port right?"
        }
        if reason.contains("got \"\\x15\" as reply type byte") {
            return "it answers by TLS; write rediss:// or ssl=true"
        }
        if reason.contains("got \"S\" as reply type byte") {
            return "it answers like an SSH server; is the port right?"
        }
        return "its answer is not of Redis' protocol; is the port right, and is it a plain one, not TLS?"
    }

    /// A server's reply within a sentence of ours.
    private static func quoted(_ reply: String) -> String {
        var reply = reply[...]
        while let last = reply.last, last == "." || last.isWhitespace { reply.removeLast() }
        return String(reply)
    }
}
