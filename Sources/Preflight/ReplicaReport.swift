package import Redis

/// Where the nodes of what is watched subscribe.
package enum NodesPlace: Sendable {
    /// At the server itself, a master.
    case here
    /// At the master of a replica.
    case master(RedisClient)
    /// At the master of a replica, which cannot be asked.
    case unknown(RedisError)

    /// Why it cannot be asked.
    var refusal: RedisError? {
        if case .unknown(let error) = self { error } else { nil }
    }
}

/// The state of a replica that is to be watched.
package struct ReplicaReport: Sendable, Equatable {
    /// `host:port` of its master; nil if unknown.
    package var master: String?
    /// Whether it receives from its master.
    package var isLinked: Bool
    /// Seconds since it heard from its master; nil without a link.
    package var silence: Int?
    /// Bytes of the replication stream that it is behind; nil if the master does not tell.
    package var lagBytes: Int64?
    /// `host:port` of the master that was asked for subscribers, channels and counters; nil if it could not be asked.
    package var asked: String?
    /// Why the master could not be asked.
    package var refusal: String?

    /// - Parameters: as the properties of the same names.
    package init(master: String?, isLinked: Bool, silence: Int? = nil) {
        self.master = master
        self.isLinked = isLinked
        self.silence = silence
    }
}

extension PreflightReport {
    var replicaFindings: [PreflightFinding] {
        guard let replica else { return [] }
        var findings: [PreflightFinding] = []
        if !replica.isLinked {
            findings.append(
                .problem(
                    "the replica has no link to its master\(replica.master.map { " \($0)" } ?? ""): nothing that nodes publish arrives there; see master_link_status in its INFO replication, and its log"
                ))
        }
        if let refusal = replica.refusal {
            findings.append(
                .warning(
                    "\(refusal): subscribers and hubs are unknown, and counters are those of the replica; let the relay's user log in there"
                ))
        }
        return findings
    }
}
