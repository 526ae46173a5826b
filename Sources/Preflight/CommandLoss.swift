package import Redis

extension AskedCommand {
    /// What a relay lacks without the command: metrics, checks, features.
    package var loss: String {
        switch self {
        case .subscribe: "everything: nothing is received, and the relay ends at its start"
        case .psubscribe: "hubs of ASP.NET Core: they cannot be watched"
        case .unsubscribe, .punsubscribe:
            "a hub that has had no nodes for an hour stays subscribed until the relay reconnects"
        case .ping:
            "the comparison of the counter with what was received after a reconnect, and the duration of a PING; the refusal itself proves that a quiet connection is alive"
        case .info:
            "whether Redis restarted (redis_restart as the cause of a gap), its version, the checks of memory, persistence and cluster mode, backplane_relay_replica_*, and everything that needs PUBSUB CHANNELS, because the number of channels is asked first; with the tap, the amount of memory: only the limit any is then accepted"
        case .role:
            "nothing while INFO is answered, which contains the role too; without both backplane_relay_redis_is_master, and a manual failover goes unnoticed"
        case .pubsubNumSub:
            "signalr_backplane_subscribers, signalr_backplane_subscriber_dips_total, signalr_backplane_egress_bytes_total, and the alerts BackplaneNoNodes and BackplaneNodeDeaf"
        case .pubsubChannels:
            "the discovery of hubs, signalr_backplane_nodes, pings of nodes, and the suggestion for a misspelled event key"
        case .clientSetName: "the relay's name in CLIENT LIST: the check of another relay may count it as a node"
        case .clientID: "backplane_relay_redis_output_buffer_bytes"
        case .clientList:
            "backplane_relay_redis_output_buffer_bytes, signalr_backplane_subscriber_* except signalr_backplane_subscriber_dips_total, and which subscribers are relays"
        case .configGet:
            "backplane_relay_redis_output_buffer_limit_bytes, the alert BackplaneOutputBufferNearLimit, and the checks of the output buffer limit and of snapshots; with the tap, attaching without a full sync to a server that has no backlog"
        case .time: "the check of the clocks"
        case .whoAmI: "the name of the user in the check"
        case .get:
            "signalr_backplane_issued_id, signalr_backplane_unseen_ids, signalr_backplane_silent, and whether the last envelopes before a lost connection or a stop were lost"
        case .select:
            "which databases hold the counters, if two publish in turn; if the address names a database other than 0, everything that is queried over a separate connection"
        case .psync:
            "the tap: the replication stream cannot be read; a relay that subscribes instead misses what is published while its connection is lost, and cannot prove that hubs of ASP.NET Core are complete"
        case .replconf: "the tap, like PSYNC: Redis closes a replication link that sends no acknowledgements"
        case .publish: "pings of nodes: backplane_relay_core_ping_seconds; markers: backplane_relay_marker_*"
        case .multi, .exec: "markers: backplane_relay_marker_*"
        case .clusterInfo:
            "the detection of a cluster if neither INFO nor HELLO reports the mode; in a cluster backplane_relay_cluster_state_ok, and the move away from a node that is cut off"
        case .clusterShards:
            "in a cluster everything that is queried from all nodes (signalr_backplane_subscribers, signalr_backplane_nodes, the discovery of hubs, the counters at other nodes), and the nodes to try if the configured ones fail"
        case .clusterMyID:
            "in a cluster everything that is queried from all nodes: the connected node would be counted twice"
        case .hello:
            "with a password file: the renewal of a subscription's login; when the server ends the connection after a change of the password, the relay reconnects"
        case .auth: "the login"
        }
    }
}

/// A field of INFO that a relay reads: some servers leave out sections or fields.
package enum InfoField: String, CaseIterable, Sendable {
    case runID = "run_id"
    case mode = "redis_mode"
    case clients = "connected_clients"
    case memoryLimit = "maxmemory"
    case appendOnlyFile = "aof_enabled"
    case channels = "pubsub_channels"
    case role
    case offset = "master_repl_offset"

    /// The section of INFO that contains it.
    package var section: String {
        switch self {
        case .runID, .mode: "server"
        case .clients: "clients"
        case .memoryLimit: "memory"
        case .appendOnlyFile: "persistence"
        case .channels: "stats"
        case .role, .offset: "replication"
        }
    }

    /// What a relay lacks without it.
    package var loss: String {
        switch self {
        case .runID: "whether Redis restarted or only the connection broke (redis_restart as the cause of a gap)"
        case .mode: "nothing while HELLO or CLUSTER INFO reports the mode"
        case .clients: "the limit on CLIENT LIST where a server has very many clients"
        case .memoryLimit: "the check whether a full Redis evicts the counter"
        case .appendOnlyFile: "the check whether the counter survives a restart"
        case .channels:
            "the discovery of hubs, signalr_backplane_nodes, pings of nodes, and the suggestion for a misspelled event key"
        case .role: "nothing while ROLE is answered, which contains the role too"
        case .offset: "backplane_relay_replica_offset_bytes, and whether a replica skipped what was published"
        }
    }

    /// Those that a reply to INFO does not contain.
    static func missing(in text: String) -> [InfoField] {
        let fields = InfoFields(text)
        // Products name the mode differently.
        let hasMode = !RedisServerInfo(infoText: text).mode.isEmpty
        return allCases.filter { $0 == .mode ? !hasMode : fields[$0.rawValue] == nil }
    }
}
