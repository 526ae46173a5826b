import Capture
import Logging
import NIOCore
import Redis
import Time

/// Checks whether the server is still what it was when the relay subscribed, and reports changes.
struct RoleWatch: Sendable {
    /// A replica without a link is left for another server after this long, in nanoseconds.
    private static let patience: UInt64 = 10_000_000_000

    private enum Question {
        case role
        case info
    }

    private let redis: RedisConfiguration
    private let metrics: WatchMetrics
    /// Moves to another server that has become the master.
    private let subscription: AuditedSubscription
    private let status: RelayStatus
    private let logger: Logger
    /// The query that the ACL permits.
    private var question: Question? = .role
    private var replication: ReplicationWatch
    /// Watches the state of a cluster.
    var cluster: ClusterWatch
    /// When another node of the cluster may be looked for, on the monotonic clock.
    private var searchAt: UInt64 = 0

    init(redis: RedisConfiguration, metrics: WatchMetrics, subscription: AuditedSubscription, context: RelayContext) {
        self.redis = redis
        self.metrics = metrics
        self.subscription = subscription
        status = context.status
        logger = context.logger
        replication = ReplicationWatch(metrics: metrics.replica, subscription: subscription, context: context)
        cluster = ClusterWatch(metrics: metrics.cluster, context: context)
    }

    /// A new connection may have other permissions.
    ///
    /// - Throws: `RedisError` if it has failed.
    mutating func connected(_ client: RedisClient, eventLoopGroup: any EventLoopGroup) async throws {
        question = .role
        replication.connected()
        try await client.spanCluster(eventLoopGroup)
    }

    /// - Parameter master: a connection to the master of a replica; nil if it cannot be asked.
    /// - Throws: `RedisError` if the connection has failed; ``MasterElsewhere`` if the watch must move too.
    mutating func look(
        _ client: RedisClient, master: RedisClient? = nil, eventLoopGroup: any EventLoopGroup
    ) async throws {
        // In a cluster the role does not matter: each node delivers what is published at any other.
        if try await cluster.look(client) { return try await lookForState(instead: client.endpoint, eventLoopGroup) }
        try await lookAtRole(client)
        try await replication.look(client, master: master)
        if status.masterLoss != nil {
            try await lookForSuccessor(of: client.endpoint, eventLoopGroup)
        } else {
            try await lookForLink(instead: client.endpoint, eventLoopGroup)
        }
    }

    /// Whether the server is a replica, as far as known.
    var isReplica: Bool { status.masterLoss != nil || status.replica != nil || status.isReplicaChosen }

    private mutating func lookAtRole(_ client: RedisClient) async throws {
        guard let question else { return }
        do {
            switch question {
            case .role:
                let reply = try await client.send(["ROLE"])
                observe(RedisRole(reply: reply).flatMap { WatchedRole($0) }, at: client.endpoint)
            case .info:
                let reply = try await client.send(["INFO", "replication"])
                observe(reply.text.flatMap { WatchedRole(info: $0) }, at: client.endpoint)
            }
        } catch let error as RedisError where error.isRefusalOfCommand {
            self.question = question == .role ? .info : nil
            if self.question != nil { try await lookAtRole(client) }
        } catch let error as RedisError {
            guard case .serverError = error else { throw error }
            observe(WatchedRole(refusal: error), at: client.endpoint)
        }
    }

    /// A reply to another command that also shows the role.
    func observe(_ error: RedisError) {
        if let role = WatchedRole(refusal: error) { observe(role, at: redis.endpoint) }
    }

    /// Of several servers the first master is used; if that is now a different one, the subscription moves there.
    private func lookForSuccessor(of endpoint: String, _ eventLoopGroup: any EventLoopGroup) async throws {
        guard redis.sentinelMaster == nil, redis.servers.count > 1 else { return }
        guard let other = try? await RedisClient.connect(to: redis, eventLoopGroup: eventLoopGroup) else { return }
        let successor = other.endpoint
        await other.close()
        guard successor != endpoint else { return }
        logger.notice(
            "another server is the master now; the subscription moves there",
            metadata: ["from": "\(endpoint)", "to": "\(successor)"])
        subscription.leaveForMaster()
        throw MasterElsewhere()
    }

    /// Nothing arrives at a replica without a link: one with a link, or the master, is better, although a move costs what
    /// is published meanwhile.
    private func lookForLink(instead endpoint: String, _ eventLoopGroup: any EventLoopGroup) async throws {
        guard redis.hasChoice, let replica = status.replica, !replica.isLinked, status.isSubscribed,
            Moment.now().realtime > replica.since + Self.patience
        else { return }
        try await leave(
            endpoint, eventLoopGroup,
            because:
                "the replica has no link to its master; the subscription moves to another server, which is the master or has a link"
        )
    }

    /// What is published on the other side of a partition does not arrive at a node that is cut off.
    private mutating func lookForState(instead endpoint: String, _ eventLoopGroup: any EventLoopGroup) async throws {
        let now = Moment.now()
        guard let state = status.cluster, !state.isOK, status.isSubscribed, now.realtime > state.since + Self.patience,
            now.monotonic >= searchAt
        else { return }
        searchAt = now.monotonic + Self.patience
        try await leave(
            endpoint, eventLoopGroup,
            because:
                "the node reports cluster_state:fail; the subscription moves to a node that reports cluster_state:ok")
    }

    /// Moves to a server that is healthy, if there is another one.
    private func leave(
        _ endpoint: String, _ eventLoopGroup: any EventLoopGroup, because reason: Logger.Message
    ) async throws {
        var healthy = redis
        healthy.acceptsBrokenLink = false
        guard let other = try? await RedisClient.connect(to: healthy, eventLoopGroup: eventLoopGroup) else { return }
        let successor = other.endpoint
        await other.close()
        guard successor != endpoint else { return }
        logger.notice(reason, metadata: ["from": "\(endpoint)", "to": "\(successor)"])
        subscription.leaveForMaster()
        throw MasterElsewhere()
    }

    private func observe(_ role: WatchedRole?, at endpoint: String) {
        let now = Moment.now().realtime
        if let role { metrics.setIsMaster(role == .master) }
        // The role when the relay subscribed is known only once it has subscribed.
        if redis.use == .watch, !status.isSubscribed { return }
        if status.isReplicaChosen { return observeChosen(role, at: endpoint) }
        let change = MasterLoss.change(from: status.masterLoss, by: role, at: now)
        if case .demoted(let loss) = change, isReplicaWelcome { return stay(at: endpoint, loss) }
        defer { if role != nil { metrics.setIsDemoted(status.masterLoss != nil) } }
        switch change {
        case .none: break
        case .demoted(let loss), .moved(let loss):
            status.masterLoss = loss
            subscription.note(.demoted(master: loss.master))
            logger.error(
                "Redis was demoted to a replica: nodes publish to its master, and the relay receives only what is replicated",
                metadata: ["redis": "\(endpoint)", "master": "\(loss.master ?? "unknown")"])
        case .promoted:
            status.masterLoss = nil
            subscription.note(.promoted())
            logger.notice("Redis is a master again", metadata: ["redis": "\(endpoint)"])
        }
    }
}

extension RoleWatch {
    /// A watched replica: only its promotion is news; ``ReplicationWatch`` follows its link.
    private func observeChosen(_ role: WatchedRole?, at endpoint: String) {
        metrics.setIsDemoted(false)
        guard role == .master else { return }
        status.isReplicaChosen = false
        subscription.note(.promoted())
        logger.notice(
            "the watched replica was promoted to a master; the subscription stays, because a move would miss messages",
            metadata: ["redis": "\(endpoint)"])
    }

    /// Whether a demoted master is acceptable: the operator prefers replicas, and names where the nodes' master may be.
    private var isReplicaWelcome: Bool { redis.use == .watch && redis.hasChoice && redis.preference != .master }

    private func stay(at endpoint: String, _ loss: MasterLoss) {
        status.isReplicaChosen = true
        subscription.note(.demoted(master: loss.master))
        logger.warning(
            "Redis was demoted to a replica; the subscription stays, because a replica delivers what its master does",
            metadata: ["redis": "\(endpoint)", "master": "\(loss.master ?? "unknown")"])
    }
}

/// The subscription moves to another server, and so must the watch.
struct MasterElsewhere: Error {}

extension MasterLoss {
    /// The meaning of an answer relative to the known state.
    enum Change: Equatable {
        case none
        case demoted(MasterLoss)
        /// The same replica follows another master.
        case moved(MasterLoss)
        case promoted
    }

    /// - Parameters:
    ///   - loss: the known state; nil for a master.
    ///   - role: the server's answer; nil if unknown, which changes nothing.
    ///   - now: nanoseconds since 1970.
    static func change(from loss: MasterLoss?, by role: WatchedRole?, at now: UInt64) -> Change {
        switch (role, loss) {
        case (nil, _), (.master, nil): .none
        case (.master, _?): .promoted
        case (.replica(let master), nil): .demoted(MasterLoss(master: master, since: now))
        case (.replica(let master), let known?):
            if let master, master != known.master {
                .moved(MasterLoss(master: master, since: known.since))
            } else {
                .none
            }
        }
    }
}

/// The role reported by the watched server.
enum WatchedRole: Equatable {
    case master
    ///   - of: `host:port`; nil if unknown.
    case replica(of: String?)

    /// - Returns: nil for neither, such as a sentinel.
    init?(_ role: RedisRole) {
        switch role {
        case .master: self = .master
        case .replica(let master, _): self = .replica(of: master.description)
        case .sentinel: return nil
        }
    }

    /// From `INFO replication`, if ROLE is denied.
    init?(info text: String) {
        let fields = InfoFields(text)
        switch fields["role"] {
        case "master": self = .master
        case "slave", "replica":
            guard let host = fields["master_host"], let port = fields["master_port"].flatMap({ Int($0) }) else {
                self = .replica(of: nil)
                return
            }
            self = .replica(of: RedisEndpoint.tcp(host: host, port: port).description)
        default: return nil
        }
    }

    /// From the error of a connection refused because of its role, or of a command that a replica does not serve.
    init?(refusal error: RedisError) {
        switch error {
        case .replica(_, let master): self = .replica(of: master)
        case .demotedMaster: self = .replica(of: nil)
        // A replica that has lost its master and may not serve stale data: the counter cannot be read.
        case .serverError(_, let reply) where reply.hasPrefix("MASTERDOWN"): self = .replica(of: nil)
        default: return nil
        }
    }
}
