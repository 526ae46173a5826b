/// What a server says about itself that matters to a ``ReplicationTap``; nil for what is unknown.
package struct TapFacts: Sendable, Equatable {
    /// `host:port`.
    package var endpoint: String
    /// Its INFO; nil if not permitted.
    package var server: RedisServerInfo?
    /// Our connection's id in `CLIENT LIST`.
    package var connectionID: Int?
    /// Whether it is a replica, by ROLE or INFO.
    package var isReplica = false
    /// Whether a replica has its link to the master; true for a master.
    package var isLinked = true
    /// Whether `INFO replication` was answered.
    package var answersReplication = false
    /// `master_replid`.
    package var history: String?
    /// The history that this one continues, after a promotion: `master_replid2`.
    package var previousHistory: String?
    /// The first offset that no longer belongs to the previous history: `second_repl_offset`.
    package var previousHistoryEnd: Int64?
    /// `master_repl_offset`; a replica's is the same as its master's at the same place of the stream.
    package var offset: Int64?
    /// nil without one: a master that never had a replica.
    package var backlog: ReplicationBacklog?
    /// `repl-backlog-size`, also without a backlog.
    package var backlogSize: Int64?
    /// `connected_slaves`.
    package var replicas: Int?
    /// `used_memory`: what a fork has to map, which is more than the keys alone.
    package var memoryBytes: Int64?
    /// How long the last fork took, in microseconds: `latest_fork_usec`; nil if there was none.
    package var forkMicroseconds: Int64?
    /// `repl-diskless-sync`.
    package var isDiskless: Bool?
    /// `repl-diskless-sync-delay`, in seconds.
    package var syncDelaySeconds: Int?
    /// `repl-diskless-sync-max-replicas`: so many waiting replicas end the delay; 0 for any number.
    package var syncMaxReplicas: Int?
    /// How often it sends a PING, in seconds: `repl-ping-replica-period`.
    package var pingPeriodSeconds: Int?
    /// `min-replicas-to-write`; nil where CONFIG is refused.
    package var minReplicasToWrite: Int?
    /// Whether INFO counts the replicas that `min-replicas-to-write` requires, as it does only if that is above 0.
    package var countsGoodReplicas = false
    /// Whether it runs in cluster mode, by HELLO or CLUSTER INFO.
    var isClusterByAnswer: Bool?
    /// Whether a full sync can leave out all keys (`rdb-filter-only`, since Redis 7); it is then never written to a
    /// file.
    package var omitsData = false
    /// Commands that the tap needs and the server refuses, with its reply. Empty if unknown.
    package var refusedCommands: [String: String] = [:]

    /// Nothing is known.
    ///
    /// - Parameter endpoint: `host:port`.
    package init(endpoint: String) {
        self.endpoint = endpoint
    }

    /// Whether it runs in cluster mode; nil if unknown.
    package var isCluster: Bool? {
        guard let mode = server?.mode, !mode.isEmpty else { return isClusterByAnswer }
        return mode == "cluster"
    }

    /// The current end of its stream, if it has a backlog, so that the tap can begin there.
    package var end: ReplicationPosition? {
        guard backlog != nil, let history, let offset else { return nil }
        return ReplicationPosition(history: history, offset: offset)
    }

    /// Whether it belongs to the history of this position, and has reached it.
    package func continues(_ position: ReplicationPosition) -> Bool {
        guard let offset, position.offset <= offset else { return false }
        if position.history == history { return true }
        guard let previousHistory, let previousHistoryEnd else { return false }
        return position.history == previousHistory && position.offset < previousHistoryEnd
    }

    /// The last offset that this server shares with the history of the position, which its former master continued
    /// alone. nil if the server is not known to have that history.
    package func fork(of position: ReplicationPosition) -> ReplicationPosition? {
        guard let history, let previousHistoryEnd, position.history == previousHistory,
            position.offset >= previousHistoryEnd
        else { return nil }
        return ReplicationPosition(history: history, offset: previousHistoryEnd - 1)
    }

    /// Whether its backlog has everything after this position.
    package func keeps(_ position: ReplicationPosition) -> Bool {
        guard let backlog, continues(position) else { return false }
        return position.offset + 1 >= backlog.start && position.offset < backlog.start + backlog.count
    }

    /// Whether it waits before it forks for a full sync, long enough to withdraw the request: its timer has a resolution
    /// of a second.
    package var delaysSyncs: Bool {
        answersReplication && isDiskless == true && (syncDelaySeconds ?? 0) >= 2 && (syncMaxReplicas ?? 0) == 0
    }

    /// What is missing between two positions, if the sink has received everything up to the first and receives everything after
    /// the second, which is of this server.
    func loss(since last: ReplicationPosition?, at position: ReplicationPosition) -> TapAttachment.Loss? {
        guard var last else { return nil }
        // What was read after the fork belongs to the former master's branch, not to this one.
        if let fork = fork(of: last), fork.offset <= position.offset { last = fork }
        guard last.history == position.history || continues(last), last.offset <= position.offset else {
            return .otherHistory
        }
        return last.offset == position.offset ? nil : .backlogLost(bytes: position.offset - last.offset)
    }
}
