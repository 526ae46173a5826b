/// A command that is sent to the watched Redis, named as in `INFO commandstats` and in an ACL.
///
/// The only list of them: the permissions of the relay's user, the report of refused commands, and the metric of
/// durations are derived from it.
package enum AskedCommand: String, CaseIterable, Sendable {
    case auth
    case clientID = "client|id"
    case clientList = "client|list"
    case clientSetName = "client|setname"
    case clusterInfo = "cluster|info"
    case clusterMyID = "cluster|myid"
    case clusterShards = "cluster|shards"
    case configGet = "config|get"
    case exec
    case get
    case hello
    case info
    case multi
    case ping
    case psubscribe
    case psync
    case publish
    case pubsubChannels = "pubsub|channels"
    case pubsubNumSub = "pubsub|numsub"
    case punsubscribe
    case replconf
    case role
    case select
    case subscribe
    case time
    case unsubscribe
    case whoAmI = "acl|whoami"

    /// Commands whose second word belongs to their name.
    private static let containers: Set<String> = ["acl", "client", "cluster", "config", "pubsub"]

    /// - Returns: nil for a command that is not in the list.
    package init?(_ arguments: [RESPArgument]) {
        guard case .text(let first)? = arguments.first else { return nil }
        var name = first.lowercased()
        if Self.containers.contains(name), arguments.count > 1, case .text(let second) = arguments[1] {
            name += "|" + second.lowercased()
        }
        self.init(rawValue: name)
    }

    /// As an operator types it: `PUBSUB NUMSUB`.
    package var title: String { rawValue.uppercased().replacing("|", with: " ") }

    // MARK: - Permissions

    /// What a watching relay needs or uses, in the order of the line that grants it.
    ///
    /// Not included: AUTH and HELLO, which need no permission, and commands for a cluster only; CLUSTER INFO is also
    /// sent if INFO does not report the mode, and whenever a tap attaches.
    package static let watching: [AskedCommand] = [
        .subscribe, .psubscribe, .unsubscribe, .punsubscribe, .ping, .info, .role, .pubsubNumSub, .pubsubChannels,
        .clientSetName, .clientID, .clientList, .configGet, .time, .whoAmI,
    ]
    /// What reading the counters of event keys uses in addition.
    package static let counting: [AskedCommand] = [.get, .select]
    /// Additional commands to read the replication stream.
    package static let tapping: [AskedCommand] = [.psync, .replconf, .ping]
    /// Additional commands to watch a cluster, at each of its nodes.
    package static let spanning: [AskedCommand] = [.clusterInfo, .clusterShards, .clusterMyID]
    /// What pinging nodes uses in addition.
    package static let pinging: [AskedCommand] = [.publish]
    /// Additional commands for markers.
    package static let marking: [AskedCommand] = [.multi, .exec, .publish]
}
