import Logging
import Prometheus
import Redis
import Time

/// Watches the state of the cluster that the subscribed node belongs to.
struct ClusterWatch: Sendable {
    /// What other nodes answer.
    enum Part: Hashable {
        case subscribers
        case counter(channel: Int)

        fileprivate var loss: Logger.Message {
            switch self {
            case .subscribers: "the subscribers of the cluster are not counted"
            case .counter: "a counter in the cluster is not read"
            }
        }

        fileprivate var end: Logger.Message {
            switch self {
            case .subscribers: "the subscribers of the cluster are counted again"
            case .counter: "the counter in the cluster is read again"
            }
        }
    }

    /// Of each missing answer.
    private var lastReasons: [Part: LastReason] = [:]
    private let metrics: ClusterMetrics
    private let status: RelayStatus
    private let logger: Logger

    init(metrics: ClusterMetrics, context: RelayContext) {
        self.metrics = metrics
        status = context.status
        logger = context.logger
    }

    /// - Parameter client: a connection to the node, after ``RedisClient/spanCluster(_:)``.
    /// - Returns: false if it is not a node of a cluster.
    /// - Throws: `RedisError` if the connection has failed.
    func look(_ client: RedisClient) async throws -> Bool {
        guard client.answersForCluster else { return false }
        // Without the permission for INFO, the subscription has taken the node for a plain replica.
        (status.isReplicaChosen, status.replica, status.masterLoss) = (false, nil, nil)
        guard let state = try await client.clusterState() else {
            status.cluster = nil
            metrics.forget()
            return true
        }
        defer { metrics.show(state) }
        let before = status.cluster
        guard before?.isOK != state.isOK else { return true }
        status.cluster = ClusterHealth(isOK: state.isOK, since: Moment.now().realtime)
        if !state.isOK {
            logger.error("\(ClusterHealth.reason)", metadata: ["redis": "\(client.endpoint)"])
        } else if before != nil {
            logger.notice(
                "the cluster node reports cluster_state:ok again", metadata: ["redis": "\(client.endpoint)"])
        }
        return true
    }

    /// Logs once why an answer is missing.
    mutating func note(_ error: RedisError, _ part: Part) {
        guard case .clusterIncomplete = error, lastReasons[part, default: .init()].changes(to: error.description) else {
            return
        }
        logger.warning(part.loss, metadata: ["cause": "\(error)"])
    }

    /// The nodes have answered.
    mutating func answered(_ part: Part) {
        if lastReasons[part]?.clear() == true { logger.notice(part.end) }
    }
}

/// Metrics of the cluster whose node the relay is subscribed to; no series otherwise.
struct ClusterMetrics: Sendable {
    private let isOK: Family<Gauge>
    private let nodes: Family<Gauge>

    init(_ registry: Registry) {
        isOK = registry.gaugeFamily(
            "backplane_relay_cluster_state_ok",
            help:
                "1 while the cluster node that the relay is subscribed to reports cluster_state:ok, else 0: it is cut off from other nodes, whose messages then do not arrive, or a slot is not served. Only in cluster mode.",
            labels: [])
        nodes = registry.gaugeFamily(
            "backplane_relay_cluster_nodes",
            help: "Nodes of the cluster that the subscribed node knows, itself included. Only in cluster mode.",
            labels: [])
    }

    func show(_ state: ClusterState) {
        isOK.with().set(state.isOK ? 1 : 0)
        if let count = state.nodes { nodes.with().set(Double(count)) } else { nodes.remove() }
    }

    func forget() {
        for family in [isOK, nodes] { family.remove() }
    }
}
