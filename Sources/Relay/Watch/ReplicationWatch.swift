import Logging
import Prometheus
import Redis
import Time

/// Determines from successive reports of a server whether it, as a replica, has skipped part of its master's stream.
///
/// After a broken link a replica continues where it stopped, if its master still has that part of the stream: then its
/// subscribers miss nothing. Otherwise it does a full sync, which does not contain the messages published meanwhile,
/// although the connections of its subscribers stay. Its stream then begins at the end of the transfer.
struct ResyncDetector {
    /// The last report of a master, or of a replica that received the stream.
    private var last: ReplicationReport?
    private var isBroken = false
    private var hasTransferred = false

    /// - Returns: nil if nothing has happened.
    mutating func look(_ report: ReplicationReport) -> ReplicaNews? {
        if report.isReplica, !report.isLinked {
            if report.isTransferring { hasTransferred = true }
            defer { isBroken = true }
            return isBroken ? nil : .linkLost(master: report.master)
        }
        defer {
            last = report
            (isBroken, hasTransferred) = (false, false)
        }
        guard report.isReplica else { return nil }
        if hasTransferred || skipped(report) { return .resynced }
        return isBroken ? .linkRestored : nil
    }

    private func skipped(_ report: ReplicationReport) -> Bool {
        guard let last else { return false }
        // Whoever continues another history says so.
        if let before = last.history, let now = report.history, now != before, report.previousHistory != before {
            return true
        }
        if report.offset < last.offset { return true }
        guard let backlog = report.backlog, backlog.start > last.offset + 1 else { return false }
        // A full one may only have moved on.
        return !backlog.isFull || isBroken
    }
}

/// Follows the replication of the server subscribed to, while it is a replica.
struct ReplicationWatch: Sendable {
    private let metrics: ReplicaMetrics
    /// Passes on the news.
    private let subscription: AuditedSubscription
    private let status: RelayStatus
    private let logger: Logger
    private var detector = ResyncDetector()
    private var lag = ReplicaLag()
    private var isPermitted = true
    /// Which subscription the detector is about.
    private var subscriptions = 0
    /// The history that the replica was in.
    private var history: String?
    private var master: String?

    init(metrics: ReplicaMetrics, subscription: AuditedSubscription, context: RelayContext) {
        self.metrics = metrics
        self.subscription = subscription
        status = context.status
        logger = context.logger
    }

    /// A new connection may have other permissions.
    mutating func connected() { isPermitted = true }

    /// - Parameter master: a connection to the replica's master; nil if it cannot be asked.
    /// - Throws: `RedisError` if the connection to the replica has failed.
    mutating func look(_ client: RedisClient, master: RedisClient?) async throws {
        guard isPermitted else { return }
        do {
            guard let report = try await client.replication() else {
                isPermitted = false
                return metrics.forget()
            }
            subscription.heard(report, from: client.endpoint)
            observe(report, at: client.endpoint)
            guard report.isReplica else { return }
            // After the replica, so that a lag is overestimated rather than underestimated.
            let lag = await lag(of: report, behind: master)
            metrics.show(lag)
            status.replica?.lag = lag.map { Double($0.nanoseconds) * 1e-9 }
        } catch RedisError.serverError {
            metrics.forget()
        }
    }

    /// - Returns: nil if the master cannot be asked, or is in another history.
    private mutating func lag(of replica: ReplicationReport, behind master: RedisClient?) async -> ReplicaLag.Lag? {
        let report = try? await master?.replication()
        guard let report, report.history == replica.history else {
            lag.forget()
            return nil
        }
        return lag.look(replica: replica.offset, master: report.offset, at: Moment.now().monotonic)
    }

    private mutating func observe(_ report: ReplicationReport, at endpoint: String) {
        // What happened before this subscription concerns the connection that was lost.
        if subscriptions != status.subscriptions {
            subscriptions = status.subscriptions
            detector = ResyncDetector()
            (history, master) = (nil, nil)
            // Between the subscription and the first query it may have made a full resync.
            if let first = status.firstReport { look(first, at: endpoint) }
        }
        look(report, at: endpoint)
    }

    private mutating func look(_ report: ReplicationReport, at endpoint: String) {
        metrics.show(report)
        status.observe(report, at: Moment.now().realtime)
        if report.isReplica { follow(report, at: endpoint) }
        if let news = detector.look(report) { tell(news, report, at: endpoint) }
    }

    private func tell(_ news: ReplicaNews, _ report: ReplicationReport, at endpoint: String) {
        let metadata: Logger.Metadata = ["redis": "\(endpoint)", "master": "\(report.master ?? "unknown")"]
        switch news {
        case .linkLost:
            logger.warning(
                "the replica has lost its master: what nodes publish does not arrive until the link is restored",
                metadata: metadata)
        case .linkRestored:
            logger.notice("the replica follows its master again, and has missed nothing", metadata: metadata)
        case .resynced:
            metrics.resyncs.increment()
            logger.error(
                "the replica did a full sync from its master: what was published meanwhile is missing",
                metadata: metadata)
        case .moved: break
        }
        subscription.tell(news)
    }

    /// Reports another history or master to those that must not publish there.
    private mutating func follow(_ report: ReplicationReport, at endpoint: String) {
        if let master, let now = report.master, now != master {
            logger.notice(
                "the replica follows another master now",
                metadata: ["redis": "\(endpoint)", "from": "\(master)", "to": "\(now)"])
        }
        if let now = report.master { master = now }
        guard let now = report.history, now != history else { return }
        history = now
        subscription.tell(.moved(master: report.master, history: now))
    }
}

/// Metrics of a replica that the relay is subscribed to: no series but the counter while it is a master, or unknown.
struct ReplicaMetrics: Sendable {
    /// Full transfers of the master's data.
    let resyncs: Counter
    private let isLinked: Family<Gauge>
    private let offset: Family<Gauge>
    private let silence: Family<Gauge>
    private let lagBytes: Family<Gauge>
    private let lagSeconds: Family<Gauge>
    private let masterAnswers: Family<Gauge>

    init(_ registry: Registry) {
        resyncs = registry.counter(
            "backplane_relay_replica_resyncs_total",
            help:
                "Number of times that the replica subscribed to did a full sync from its master: what was published meanwhile did not arrive here."
        )
        isLinked = registry.gaugeFamily(
            "backplane_relay_replica_link_up",
            help:
                "1 while the replica subscribed to receives from its master, else 0: nothing that is published arrives.",
            labels: [])
        offset = registry.gaugeFamily(
            "backplane_relay_replica_offset_bytes",
            help:
                "Offset in the master's replication stream that the replica subscribed to has processed.",
            labels: [])
        lagBytes = registry.gaugeFamily(
            "backplane_relay_replica_lag_bytes",
            help:
                "Bytes of the replication stream that the replica subscribed to is behind its master; only while the master can be asked.",
            labels: [])
        lagSeconds = registry.gaugeFamily(
            "backplane_relay_replica_lag_seconds",
            help:
                "Time since the master was at the current offset of the replica subscribed to; at most four minutes. Messages arrive this much later.",
            labels: [])
        masterAnswers = registry.gaugeFamily(
            "backplane_relay_replica_master_answers",
            help:
                "1 while the master of the replica subscribed to answers the relay's queries for subscribers and counters, 0 while only the replica does: then its nodes are not counted.",
            labels: [])
        silence = registry.gaugeFamily(
            "backplane_relay_replica_silence_seconds",
            help:
                "Time since the replica subscribed to has heard from its master, which sends something every 10 s at least.",
            labels: [])
    }

    func show(_ report: ReplicationReport) {
        guard report.isReplica else { return forget() }
        isLinked.with().set(report.isLinked ? 1 : 0)
        offset.with().set(Double(report.offset))
        if let seconds = report.silence { silence.with().set(Double(seconds)) } else { silence.remove() }
    }

    /// - Parameter lag: nil if unknown.
    func show(_ lag: ReplicaLag.Lag?) {
        if let lag {
            lagBytes.with().set(Double(lag.bytes))
            lagSeconds.with().set(Double(lag.nanoseconds) * 1e-9)
        } else {
            for family in [lagBytes, lagSeconds] { family.remove() }
        }
    }

    /// - Parameter answers: whether the master of a replica can be asked; nil for a master.
    func setMasterAnswers(_ answers: Bool?) {
        if let answers { masterAnswers.with().set(answers ? 1 : 0) } else { masterAnswers.remove() }
    }

    func forget() {
        for family in [isLinked, offset, silence, lagBytes, lagSeconds] { family.remove() }
    }
}
