package import Redis
import Time

/// What reading the replication stream of a Redis would do and cost, before anything is done.
package struct TapReport: Sendable, Equatable {
    /// What may be done.
    package var policy: TapPolicy
    /// What the server said.
    package var facts: TapFacts
    /// How it would attach, and whether it may.
    package var plan: TapPlan
    /// What the server writes into the stream now, in bytes per second; nil if unknown. Without a backlog the
    /// offset does not advance, and this is what clients send: an upper limit.
    package var bytesPerSecond: Double?
    /// Whether the address names sentinels or several servers, so that a replica could be chosen.
    package var hasChoice: Bool
    /// The ACL user.
    package var user: String

    /// How long an outage the backlog covers at the present rate; nil without a size or a rate.
    package var backlogSeconds: Double? {
        guard let size = facts.backlog?.size ?? facts.backlogSize, let bytesPerSecond, bytesPerSecond > 0 else {
            return nil
        }
        return Double(size) / bytesPerSecond
    }

    /// The command that grants what is needed.
    package var accessRule: String { "ACL SETUSER \(user) \(AccessRule.granting(AskedCommand.tapping))" }

    /// The rights that the server refuses.
    package var refusedCommands: [String] { facts.refusedCommands.keys.sorted() }
}

extension TapReport {
    /// How long the write rate is measured.
    private static let span = Duration.seconds(1)

    /// Asks the server, with commands that change nothing, for a second.
    ///
    /// - Throws: `RedisError` if the connection has failed.
    static func ask(
        _ client: RedisClient, _ policy: TapPolicy, configuration: RedisConfiguration, user: String?
    ) async throws -> TapReport {
        let facts = try await TapFacts.ask(client)
        let rate = try await rate(client)
        return TapReport(
            policy: policy, facts: facts,
            plan: TapPlan(facts: facts, limits: policy.limits, hasChoice: configuration.hasChoice),
            bytesPerSecond: rate, hasChoice: configuration.hasChoice, user: user ?? configuration.aclUser)
    }

    private static func rate(_ client: RedisClient) async throws -> Double? {
        let start = Moment.now()
        guard let first = try await written(client) else { return nil }
        try await Task.sleep(for: span)
        guard let second = try await written(client) else { return nil }
        let seconds = Double(Moment.now().monotonic - start.monotonic) * 1e-9
        guard seconds > 0, first.history == second.history, second.bytes >= first.bytes else { return nil }
        return Double(second.bytes - first.bytes) / seconds
    }

    private static func written(_ client: RedisClient) async throws -> (history: String?, bytes: Int64)? {
        do {
            guard let text = try await client.send(["INFO", "replication"]).text else { return nil }
            let fields = InfoFields(text)
            if fields["repl_backlog_active"] == "1", let offset = fields["master_repl_offset"].flatMap({ Int64($0) }) {
                return (fields["master_replid"], offset)
            }
            guard let statistics = try await client.send(["INFO", "stats"]).text else { return nil }
            return InfoFields(statistics)["total_net_input_bytes"].flatMap { Int64($0) }.map { (nil, $0) }
        } catch let error as RedisError where error.isRefusalOfCommand {
            return nil
        }
    }
}

extension TapReport {
    /// Below this many seconds, an outage of the link soon loses part of the stream.
    package static let shortBacklog = 60.0

    var findings: [PreflightFinding] {
        var findings: [PreflightFinding] = []
        if let objection { findings.append(objection) }
        if let seconds = backlogSeconds, seconds < Self.shortBacklog {
            findings.append(
                .warning(
                    "the replication backlog holds \(Int(seconds)) s of writes at the present rate: a longer outage of the relay loses envelopes; raise 'repl-backlog-size'"
                ))
        }
        if !facts.isLinked {
            findings.append(
                .warning("this replica has no link to its master, so its replication stream does not advance"))
        }
        if hasChoice, !facts.isReplica, objection == nil {
            findings.append(
                .warning(
                    "the replication stream comes from the master, which counts the relay as a replica: prefer one of its replicas"
                ))
        }
        return findings
    }

    /// Why the relay cannot read the stream; a warning if it then subscribes.
    private var objection: PreflightFinding? {
        let text: String
        var setting: PreflightFinding.Setting?
        switch plan.verdict {
        case _ where !facts.refusedCommands.isEmpty:
            let replies = refusedCommands.map { "\($0): \(facts.refusedCommands[$0] ?? "")" }.joined(separator: "; ")
            let isACL = facts.refusedCommands.values.allSatisfy { $0.hasPrefix("NOPERM") }
            text =
                "this Redis refuses its replication stream (\(replies))"
                + (isACL ? "; an administrator can grant it with: \(accessRule)" : "; a managed service often does")
            setting = .tapFallback
        case .allowed, .passedOver: return nil
        case .needsConsent, .tooSoon, .refused:
            guard let error = TapError(plan.verdict, facts: facts, limits: policy.limits) else { return nil }
            text = error.description
            setting = .tap(error)
        }
        let fallsBack = policy.mayFallBack
        if setting == .tapFallback, fallsBack { setting = nil }
        return PreflightFinding(
            severity: fallsBack ? .warning : .problem, text: text + (fallsBack ? "; the relay subscribes instead" : ""),
            setting: setting)
    }
}

extension TapError {
    /// - Returns: nil if the verdict allows to attach.
    init?(_ verdict: TapPlan.Verdict, facts: TapFacts, limits: TapLimits) {
        switch verdict {
        // A check never passes over a server: it has no earlier position.
        case .allowed, .passedOver: return nil
        case .needsConsent(let bytes):
            self = .consentNeeded(endpoint: facts.endpoint, bytes: bytes, limit: limits.fullSyncBytes)
        case .refused(let reasons): self = .refused(endpoint: facts.endpoint, reasons)
        case .tooSoon(let left):
            self = .tooSoon(endpoint: facts.endpoint, secondsLeft: Int(left.components.seconds))
        }
    }
}
