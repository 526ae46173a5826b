/// What an operator allows a tap to cost the server.
package struct TapLimits: Sendable, Equatable {
    /// A full sync is allowed without consent up to this much memory of the server, in bytes.
    package static let defaultFullSyncBytes: Int64 = 256 << 20

    /// The most memory that the server may have when it must fork for a full sync; `Int64.max` allows any
    /// amount, and an unknown one.
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

    /// - Parameter bytes: the server's memory; nil if unknown.
    func allowsFork(of bytes: Int64?) -> Bool {
        fullSyncBytes == .max || bytes.map { $0 <= fullSyncBytes } ?? false
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
    /// It has no backlog, or this is unknown, and it forks at once; it may still continue where the tap ended.
    case fullSync
}

extension TapWay {
    /// Whether the stream continues at the last offset.
    fileprivate var goesOn: Bool { if case .resume = self { true } else { false } }
}

/// Why a tap looks for another server before it attaches to this one.
package enum TapDetour: Sendable, Equatable {
    /// A replica that has received less than the tap has read.
    case behind(bytes: Int64)
    /// It does not continue the stream.
    case otherHistory
}

extension TapDetour: CustomStringConvertible {
    package var description: String {
        switch self {
        case .behind(let bytes): "it lacks \(bytes) bytes of the replication stream that the tap has already read"
        case .otherHistory: "it does not continue the replication stream that was read until now"
        }
    }
}

/// Decides how a tap attaches, if it may: decision logic without I/O.
package struct TapPlan: Sendable, Equatable {
    /// What may be done.
    package enum Verdict: Sendable, Equatable {
        case allowed
        /// The server would have to fork with more than the allowed memory; nil if its memory is unknown.
        case needsConsent(bytes: Int64?)
        /// At least one.
        case refused([TapRefusal])
        /// The last full sync was too recent.
        case tooSoon(left: Duration)
        /// Another server, or this one in a moment, may continue the stream at the last offset.
        case passedOver(TapDetour)
    }

    /// How it would attach.
    package let way: TapWay
    /// Whether it may.
    package let verdict: Verdict

    /// - Parameters:
    ///   - facts: of the server.
    ///   - last: where to continue, if anywhere.
    ///   - limits: what is allowed.
    ///   - sinceFullSync: how long ago the last full sync began; nil for never.
    ///   - mayOpenBacklog: false if ``TapWay/openBacklog`` was tried, and there still is none.
    ///   - hasChoice: whether the address names several servers: the tap then attaches to a replica, and to a master
    ///     only to continue at its last offset, as after a promotion.
    ///   - mayWait: whether to look for a server that continues the stream first.
    package init(
        facts: TapFacts, last: ReplicationPosition? = nil, limits: TapLimits = TapLimits(),
        sinceFullSync: Duration? = nil, mayOpenBacklog: Bool = true, hasChoice: Bool = false, mayWait: Bool = false
    ) {
        let way = Self.way(facts, last, mayOpenBacklog)
        let prefersReplica = hasChoice && !limits.isForced
        self.way = way
        if mayWait, let last, !way.goesOn, let detour = Self.detour(facts, last, hasChoice, prefersReplica) {
            verdict = .passedOver(detour)
        } else {
            verdict = Self.verdict(facts, way, limits, sinceFullSync, prefersReplica)
        }
    }

    /// Why to try another server first, or this one again in a moment; nil if not.
    private static func detour(
        _ facts: TapFacts, _ last: ReplicationPosition, _ hasChoice: Bool, _ prefersReplica: Bool
    ) -> TapDetour? {
        guard facts.isReplica else { return prefersReplica ? .otherHistory : nil }
        if facts.history == last.history {
            guard let offset = facts.offset, offset < last.offset else { return nil }
            return .behind(bytes: last.offset - offset)
        }
        // A replica after a full sync has a shorter history than its master.
        return hasChoice && facts.fork(of: last) == nil && !facts.continues(last) ? .otherHistory : nil
    }

    private static func way(_ facts: TapFacts, _ last: ReplicationPosition?, _ mayOpenBacklog: Bool) -> TapWay {
        // Without an answer only the attempt can tell.
        if let last, facts.keeps(last) || !facts.answersReplication { return .resume(last) }
        if let last, let fork = facts.fork(of: last), facts.keeps(fork) { return .resume(fork) }
        if let end = facts.end { return .join(end) }
        return mayOpenBacklog && facts.delaysSyncs ? .openBacklog : .fullSync
    }

    private static func verdict(
        _ facts: TapFacts, _ way: TapWay, _ limits: TapLimits, _ sinceFullSync: Duration?, _ prefersReplica: Bool
    ) -> Verdict {
        var reasons: [TapRefusal] = []
        if facts.isCluster == true { reasons.append(.cluster) }
        if prefersReplica, !facts.isReplica, !way.goesOn { reasons.append(.masterOfSeveral) }
        if !facts.isReplica, facts.minReplicasToWrite.map({ $0 > 0 }) ?? facts.countsGoodReplicas {
            reasons.append(.minReplicas(facts.minReplicasToWrite))
        }
        let mayFork = way == .fullSync || !facts.answersReplication
        if mayFork, facts.isDiskless != true, !facts.omitsData { reasons.append(.writesFile) }
        reasons.removeAll { limits.isForced && $0.isOverridable }
        guard reasons.isEmpty else { return .refused(reasons) }
        guard mayFork else { return .allowed }
        if way == .fullSync, let sinceFullSync, sinceFullSync < limits.fullSyncInterval {
            return .tooSoon(left: limits.fullSyncInterval - sinceFullSync)
        }
        return limits.allowsFork(of: facts.memoryBytes) ? .allowed : .needsConsent(bytes: facts.memoryBytes)
    }
}
