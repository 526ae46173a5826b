/// What can go wrong between us and a Redis server. Texts name the server and the remedy; they hold no secret.
package enum RedisError: Error, Equatable, Sendable {
    // MARK: Reaching a server

    /// No connection within the connect timeout.
    case cannotConnect(endpoint: String, failure: ConnectFailure)
    /// The connection ended before the answer came.
    case connectionClosed(endpoint: String)
    /// The server connected and then stayed silent.
    case noAnswer(endpoint: String, seconds: Int)
    /// The server sent bytes that are not RESP; hiredis' words.
    case notRedis(endpoint: String, reason: String)
    case tls(endpoint: String, TLSFailure)
    /// A certificate or key file that cannot be used.
    case tlsFile(path: String, reason: String)

    // MARK: Logging in

    case passwordFile(path: String, reason: String)
    /// A password is wanted and there is none (`NOAUTH`).
    case authenticationRequired(endpoint: String)
    /// Wrong user or password (`WRONGPASS`, `ERR AUTH ...`).
    case authenticationFailed(endpoint: String, reply: String)
    /// A sentinel wants a password and there is none.
    case sentinelWantsLogin(endpoint: String)
    /// A sentinel wants a login and refuses this one; `isOwn` if it is meant for sentinels.
    case sentinelRefusedLogin(endpoint: String, reply: String, isOwn: Bool)
    /// The ACL user lacks a right (`NOPERM`); `rule` adds it.
    case notPermitted(endpoint: String, command: String, reply: String, rule: String?)
    case wrongDatabase(endpoint: String, database: Int)

    // MARK: Being the right server

    /// `master` is what it replicates, where it tells.
    case replica(endpoint: String, master: String?)
    case clusterMode(endpoint: String)
    /// The server does not tell whether it is a cluster, and something is going to be published.
    case clusterUnknown(endpoint: String)
    /// A sentinel where a server was expected.
    case sentinel(endpoint: String)
    /// None of several servers can be used.
    case noneOf([RedisError])
    /// The sentinels that answer do not know the name.
    case unknownMaster(name: String, sentinels: String)
    /// No sentinel answers; the reasons, one a sentinel.
    case noSentinel(name: String, reasons: [String])
    /// What the sentinels name as the master says that it is a replica.
    case demotedMaster(endpoint: String, name: String)

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
    /// A reply of another shape than the command promises.
    case unexpectedReply(command: String, reply: String)

    /// True if the same attempt may succeed later without anybody changing the configuration.
    package var isTransient: Bool {
        switch self {
        case .cannotConnect, .connectionClosed, .noAnswer, .noSentinel, .demotedMaster, .loading, .cannotPersist,
            .outOfMemory, .readOnly:
            true
        case .notRedis, .tlsFile, .passwordFile, .authenticationRequired, .authenticationFailed, .notPermitted,
            .sentinelWantsLogin, .sentinelRefusedLogin, .clusterUnknown, .wrongDatabase, .replica, .clusterMode,
            .sentinel, .unknownMaster, .unexpectedReply:
            false
        case .tls(_, let failure): failure.isTransient
        // Servers that are all replicas may be amid a failover.
        case .noneOf(let errors):
            errors.contains { $0.isTransient } || errors.allSatisfy { if case .replica = $0 { true } else { false } }
        case .serverError(_, let reply):
            ["BUSY", "TRYAGAIN", "MASTERDOWN", "CLUSTERDOWN"].contains { reply.hasPrefix($0) }
                || reply.hasPrefix("ERR max number of clients")
        }
    }

    /// True if the server refused the login: after a first success that is a rotated password.
    package var isLoginRefused: Bool {
        switch self {
        case .authenticationRequired, .authenticationFailed, .sentinelWantsLogin, .sentinelRefusedLogin: true
        case .noneOf(let errors): errors.contains { $0.isLoginRefused }
        default: false
        }
    }
}
