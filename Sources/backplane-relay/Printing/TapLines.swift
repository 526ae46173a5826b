import Preflight
import Redis

/// What reading the replication stream does and costs, for `run --check-only --tap`.
struct TapLines {
    let report: TapReport

    /// Labels and texts.
    var lines: [(label: String, text: String)] {
        [
            ("tap", way), ("tap cost", cost), ("tap backlog", backlog), ("tap seen as", appearance),
            ("tap rights", rights),
        ]
    }

    private var facts: TapFacts { report.facts }

    private var way: String {
        switch report.plan.way {
        case .resume, .join: "joins the replication stream at its end, without a full sync"
        case .openBacklog:
            "Redis has no backlog yet: a full sync is requested and withdrawn before it begins (repl-diskless-sync-delay \(facts.syncDelaySeconds ?? 0) s), which creates the backlog; then joins the stream at its end"
        case .fullSync:
            "needs a full sync: Redis forks, and the data it then sends is skipped"
                + (facts.omitsData ? " (Redis leaves out the keys)" : "")
        }
    }

    private var cost: String {
        let memory = facts.memoryBytes.map { Format.bytes(Int(clamping: $0)) + " used memory" } ?? "memory unknown"
        let limit = facts.backlog == nil ? "at most " : ""
        let rate = report.bytesPerSecond.map {
            "all that Redis writes is sent to the relay, now \(limit)\(Format.bytes(Int($0)))/s"
        }
        guard report.plan.way == .fullSync else { return ["no fork (\(memory))", rate].joined }
        let fork = facts.forkMicroseconds.flatMap { $0 > 0 ? $0 : nil }
            .map { "the last fork took \(Format.seconds(Double($0) * 1e-6))" }
        let delay = facts.syncDelaySeconds.map { "begins after repl-diskless-sync-delay \($0) s" }
        return ["a fork with \(memory)", fork, delay, rate].joined
    }

    private var backlog: String {
        guard let size = facts.backlog?.size ?? facts.backlogSize else { return "unknown: INFO replication is denied" }
        let text = "\(Format.bytes(Int(clamping: size))) (repl-backlog-size)"
        guard let seconds = report.backlogSeconds else {
            return text + (report.bytesPerSecond == nil ? "" : ", nothing is written now")
        }
        return text + ", covers an outage of \(Format.seconds(seconds)) at this rate"
    }

    private var appearance: String {
        if facts.isReplica {
            return
                "a replica of this replica: INFO replication here lists it; its master, min-replicas-to-write, WAIT and Sentinel do not see it"
        }
        let required =
            facts.minReplicasToWrite.map { "min-replicas-to-write (\($0)) counts it" }
            ?? (facts.countsGoodReplicas ? "min-replicas-to-write (above 0) counts it" : nil)
            ?? (facts.answersReplication ? nil : "whether min-replicas-to-write counts it is unknown")
        return [
            "a replica of this master: INFO replication lists it", required,
            "WAIT does not count it", "Sentinel lists it with port 0 and never promotes it",
        ].joined
    }

    private var rights: String {
        let refused = report.refusedCommands
        return (refused.isEmpty ? "" : "refused: \(refused.joined(separator: " ")); ") + report.accessRule
    }
}

extension [String?] {
    /// Those that exist, with commas.
    fileprivate var joined: String { compactMap(\.self).joined(separator: ", ") }
}
