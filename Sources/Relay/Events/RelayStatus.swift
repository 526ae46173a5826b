import Capture
import NIOConcurrencyHelpers
import Redis
import Synchronization
package import Time

/// The state of the relay, for `/-/ready` and a service manager.
package final class RelayStatus: Sendable {
    private let subscribed = Atomic(false)
    private let writing = Atomic(false)
    private let diskLow = Atomic(false)
    private let tapped = Atomic(false)
    private let connection = Atomic(0)
    private let count = Atomic(0)
    /// 0 until the recorder thread has started.
    private let lastBeat = Atomic<UInt64>(0)
    private let lostMaster = NIOLockedValueBox<MasterLoss?>(nil)
    private let watchedReplica = NIOLockedValueBox<ReplicaHealth?>(nil)
    private let seenCluster = NIOLockedValueBox<ClusterHealth?>(nil)
    private let chosen = Atomic(false)
    private let first = NIOLockedValueBox<ReplicationReport?>(nil)
    private let records: Bool

    /// - Parameter records: false for a relay that only observes.
    package init(records: Bool) {
        self.records = records
    }

    /// True while the subscription is confirmed; thread-safe, as are the others.
    package var isSubscribed: Bool {
        get { subscribed.load(ordering: .relaxed) }
        set { subscribed.store(newValue, ordering: .relaxed) }
    }

    /// True while the capture can be written; false for a relay that does not record.
    package var isWriting: Bool {
        get { writing.load(ordering: .relaxed) }
        set { writing.store(newValue, ordering: .relaxed) }
    }

    /// True while recording is paused because of low disk space.
    package var isDiskLow: Bool {
        get { diskLow.load(ordering: .relaxed) }
        set { diskLow.store(newValue, ordering: .relaxed) }
    }

    /// True while the channels come from the replication stream, or did until its link was lost: then Redis does not
    /// count the relay among the subscribers.
    package var isTapped: Bool { tapped.load(ordering: .relaxed) }

    /// How often the relay has subscribed, which tells one subscription from the next.
    var subscriptions: Int { count.load(ordering: .relaxed) }

    /// Redis' id of the subscription's connection; nil if unknown.
    var connectionID: Int? {
        get {
            let id = connection.load(ordering: .relaxed)
            return id == 0 ? nil : id
        }
        set { connection.store(newValue ?? 0, ordering: .relaxed) }
    }

    /// True while the server subscribed to is a replica that is watched as such: it was one when the relay subscribed, or
    /// the operator prefers replicas.
    var isReplicaChosen: Bool {
        get { chosen.load(ordering: .relaxed) }
        set { chosen.store(newValue, ordering: .relaxed) }
    }

    /// State of the cluster, as reported by the subscribed node; nil for another server, or if unknown.
    package var cluster: ClusterHealth? {
        get { seenCluster.withLockedValue { $0 } }
        set { seenCluster.withLockedValue { $0 = newValue } }
    }

    /// The link of the server subscribed to, while it is a replica; nil for a master, or if unknown.
    package var replica: ReplicaHealth? {
        get { watchedReplica.withLockedValue { $0 } }
        set { watchedReplica.withLockedValue { $0 = newValue } }
    }

    /// The server's replication report when the relay subscribed: later changes concern the relay. nil if unknown.
    var firstReport: ReplicationReport? { first.withLockedValue { $0 } }

    /// Records the state of the server's link to its master.
    ///
    /// - Parameter time: nanoseconds since 1970.
    func observe(_ report: ReplicationReport, at time: UInt64) {
        watchedReplica.withLockedValue { known in
            guard report.isReplica else { return known = nil }
            let isSame = known?.isLinked == report.isLinked
            known = ReplicaHealth(
                master: report.master, isLinked: report.isLinked, since: isSame ? known?.since ?? time : time,
                lag: known?.lag)
        }
    }

    /// Set while the server subscribed to is a replica, although it was a master when the relay subscribed.
    package var masterLoss: MasterLoss? {
        get { lostMaster.withLockedValue { $0 } }
        set { lostMaster.withLockedValue { $0 = newValue } }
    }

    /// nil if ready; else the reason as text.
    var notReadyReason: String? {
        if !isSubscribed {
            return isTapped ? "the link to the replication stream of Redis is lost" : "not subscribed to Redis"
        }
        if let masterLoss { return masterLoss.reason }
        if let replica, !replica.isLinked { return replica.reason }
        if let cluster, !cluster.isOK { return ClusterHealth.reason }
        if records, isDiskLow { return "disk space is low" }
        if records, !isWriting { return "the capture is not being written" }
        return nil
    }

    func consume(_ event: RelayEvent) {
        switch event {
        case .subscribed(let subscription):
            connectionID = subscription.connectionID
            masterLoss = nil
            replica = nil
            cluster = nil
            // In a cluster the role of a node does not matter.
            isReplicaChosen = subscription.role != .master && !subscription.isCluster
            first.withLockedValue { $0 = subscription.replication }
            count.add(1, ordering: .relaxed)
            tapped.store(subscription.streamPosition != nil, ordering: .relaxed)
            isSubscribed = true
        case .tap(.resumed): isSubscribed = true
        case .disconnected: isSubscribed = false
        default: break
        }
    }

    /// The recorder's loop runs.
    func beat(at now: Moment) {
        lastBeat.store(now.monotonic, ordering: .relaxed)
    }

    /// How long the recorder's loop has not run, in nanoseconds; work before its first iteration may take long.
    package func silence(at now: Moment) -> UInt64 {
        let beat = lastBeat.load(ordering: .relaxed)
        return beat > 0 && now.monotonic > beat ? now.monotonic - beat : 0
    }
}

/// The server subscribed to is no longer a master: nodes publish elsewhere, and only replicated messages are received.
package struct MasterLoss: Sendable, Equatable {
    /// `host:port` of its master; nil if unknown.
    package var master: String?
    /// Nanoseconds since 1970.
    package var since: UInt64

    /// - Parameters:
    ///   - master: `host:port`; nil if unknown.
    ///   - since: nanoseconds since 1970.
    package init(master: String?, since: UInt64) {
        self.master = master
        self.since = since
    }

    /// For `/-/ready`, the log and the live page.
    var reason: String {
        "Redis is a replica" + (master.map { " of \($0)" } ?? "") + " now: nodes publish to its master"
    }
}

/// A replica that the relay is subscribed to.
package struct ReplicaHealth: Sendable, Equatable {
    /// `host:port` of its master; nil if unknown.
    package var master: String?
    /// Whether it receives from its master.
    package var isLinked: Bool
    /// Since when; nanoseconds since 1970.
    package var since: UInt64
    /// How far it is behind its master, in seconds; nil if unknown.
    package var lag: Double?

    /// - Parameters: as the properties of the same names.
    package init(master: String?, isLinked: Bool, since: UInt64, lag: Double? = nil) {
        self.master = master
        self.isLinked = isLinked
        self.since = since
        self.lag = lag
    }

    /// For `/-/ready` and the log, of one without a link.
    var reason: String {
        "the replica has lost its master" + (master.map { " \($0)" } ?? "") + ": nothing that nodes publish arrives"
    }
}

/// State of the cluster, as reported by the node that the relay is subscribed to.
package struct ClusterHealth: Sendable, Equatable {
    /// `cluster_state:ok`
    package var isOK: Bool
    /// Since when; nanoseconds since 1970.
    package var since: UInt64

    /// - Parameters: as the properties of the same names.
    package init(isOK: Bool, since: UInt64) {
        self.isOK = isOK
        self.since = since
    }

    /// The text for `/-/ready` and the log while the state is not ok.
    static let reason =
        "the cluster node reports cluster_state:fail: it is cut off from other nodes, whose messages then do not arrive, or a slot is not served"
}
