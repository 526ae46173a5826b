package import Redis

/// The state of a watched cluster, as reported by the node that the relay attaches to.
package struct ClusterReport: Sendable, Equatable {
    /// From `CLUSTER INFO`; nil if the node does not report it.
    package var state: ClusterState?
    /// The nodes that it announces, and why not all of them can be queried.
    package var reach: ClusterReach

    /// - Parameters: as the properties of the same names.
    package init(state: ClusterState?, reach: ClusterReach) {
        self.state = state
        self.reach = reach
    }
}

extension Preflight {
    /// - Returns: nil if the server is not a node of a cluster.
    func cluster(_ report: inout PreflightReport) async throws -> ClusterReport? {
        guard let reach = try await client.clusterReach() else { return nil }
        for command: [RESPArgument] in [["CLUSTER", "SHARDS"], ["CLUSTER", "MYID"]] {
            _ = try await ask(command, &report)
        }
        let text = try await ask(["CLUSTER", "INFO"], &report)?.text
        return ClusterReport(state: text.flatMap { ClusterState(info: $0) }, reach: reach)
    }
}

extension PreflightReport {
    var clusterFindings: [PreflightFinding] {
        guard let cluster else { return [] }
        var findings: [PreflightFinding] = []
        if cluster.state?.isOK == false {
            findings.append(
                .warning(
                    "this node reports cluster_state:fail: it is cut off from other nodes, whose messages then do not arrive, or a slot is not served; see CLUSTER INFO and CLUSTER NODES"
                ))
        }
        if let refusal = cluster.reach.refusal {
            findings.append(
                .warning(
                    "\(refusal): subscribers, channels and hubs are unknown, because each node knows only its own; messages of all nodes still arrive; create the relay's user at every node, and make the announced addresses reachable from here"
                ))
        }
        if !channels.isEmpty {
            findings.append(
                .warning(
                    "SignalR 2 does not support Redis Cluster, and its nodes may fail there; the relay only reads what they publish"
                ))
        }
        return findings
    }
}

extension RedisError {
    /// Not every node of a cluster can be queried; the connection is usable.
    var isAboutCluster: Bool { if case .clusterIncomplete = self { true } else { false } }
}
