/// What an operator allows a tap to cost the server.
package struct TapLimits: Sendable, Equatable {
    /// A full sync is allowed without consent up to this much memory of the server, in bytes.
    package static let defaultFullSyncBytes: Int64 = 256 << 20

    /// The most memory that the server may have when it must fork for a full sync; `Int64.max` for any.
    package var fullSyncBytes: Int64
    /// The least time between two full syncs.
    package var fullSyncInterval: Duration
    /// Overrides each ``TapRefusal/isOverridable``.
    package var isForced: Bool

    /// - Parameters: as the properties of the same names.
    package init(
        fullSyncBytes: Int64 = Self.defaultFullSyncBytes, fullSyncInterval: Duration = .seconds(600),
        isForced: Bool = false
    ) {
        self.fullSyncBytes = fullSyncBytes
        self.fullSyncInterval = fullSyncInterval
        self.isForced = isForced
    }
}

/// How a tap attaches. Only the last way costs the server a fork.
package enum TapWay: Sendable, Equatable {
    /// Its backlog still has what follows this position, the last one read.
    case resume(ReplicationPosition)
    /// It has a backlog: the tap begins at the current end of the stream.
    case join(ReplicationPosition)
    /// It has no backlog, because it never had a replica: a sync is requested and withdrawn before the server starts
    /// it (`repl-diskless-sync-delay`), which creates the backlog; then ``join(_:)``.
    case openBacklog
    /// It has no backlog, or does not say, and forks at once. It may be that it goes on where the tap was anyway.
    case fullSync
}

/// Decides how a tap attaches, if it may: decision logic without I/O.
package struct TapPlan: Sendable, Equatable {
    /// What may be done.
    package enum Verdict: Sendable, Equatable {
        case allowed
        /// The server would have to fork with more than the allowed memory; nil if it does not say how much it has.
        case needsConsent(bytes: Int64?)
        /// At least one.
        case refused([TapRefusal])
        /// The last full sync was too short a time ago.
        case tooSoon(left: Duration)
    }

    /// How it would attach.
    package let way: TapWay
    /// Whether it may.
    package let verdict: Verdict
    /// What would be missing since the last position.
    package let loss: TapAttachment.Loss?

    /// - Parameters:
    ///   - facts: of the server.
    ///   - last: the last position read, if any.
    ///   - limits: what is allowed.
    ///   - sinceFullSync: how long ago the last full sync began; nil for never.
    package init(
        facts: TapFacts, last: ReplicationPosition? = nil, limits: TapLimits = TapLimits(),
        sinceFullSync: Duration? = nil
    ) {
        let way = Self.way(facts, last)
        self.way = way
        loss = last.flatMap { Self.loss(facts, from: $0, way: way) }
        verdict = Self.verdict(facts, way, limits, sinceFullSync)
    }

    private static func way(_ facts: TapFacts, _ last: ReplicationPosition?) -> TapWay {
        if let last, facts.keeps(last) { return .resume(last) }
        if let end = facts.end { return .join(end) }
        // Its timer has a resolution of a second.
        if facts.answersReplication, facts.isDiskless == true, let delay = facts.syncDelaySeconds, delay >= 2 {
            return .openBacklog
        }
        return .fullSync
    }

    private static func loss(
        _ facts: TapFacts, from last: ReplicationPosition, way: TapWay
    ) -> TapAttachment.Loss? {
        if case .resume = way { return nil }
        guard let end = facts.end, facts.continues(last) else { return .otherHistory }
        return end.offset > last.offset ? .backlogLost(bytes: end.offset - last.offset) : .otherHistory
    }

    private static func verdict(
        _ facts: TapFacts, _ way: TapWay, _ limits: TapLimits, _ sinceFullSync: Duration?
    ) -> Verdict {
        var reasons: [TapRefusal] = []
        if facts.isCluster == true { reasons.append(.cluster) }
        if !facts.isReplica, let count = facts.minReplicasToWrite, count > 0 { reasons.append(.minReplicas(count)) }
        if way == .fullSync, facts.isDiskless == false, !facts.omitsData { reasons.append(.writesFile) }
        reasons.removeAll { limits.isForced && $0.isOverridable }
        guard reasons.isEmpty else { return .refused(reasons) }
        guard way == .fullSync else { return .allowed }
        if let sinceFullSync, sinceFullSync < limits.fullSyncInterval {
            return .tooSoon(left: limits.fullSyncInterval - sinceFullSync)
        }
        guard limits.fullSyncBytes < .max, facts.memoryBytes.map({ $0 > limits.fullSyncBytes }) ?? true else {
            return .allowed
        }
        return .needsConsent(bytes: facts.memoryBytes)
    }
}
