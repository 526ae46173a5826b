package import Backplane
package import Redis

/// Something in a ``PreflightReport`` that an operator should know before using the relay.
package struct PreflightFinding: Sendable, Equatable {
    /// Whether the relay can run in spite of the finding.
    package enum Severity: String, Sendable {
        /// The relay can run, with a restriction now or a failure later.
        case warning
        /// The relay cannot run as configured.
        case problem
    }

    /// Whether the relay can run in spite of it.
    package var severity: Severity
    /// The problem, its consequence, and the remedy.
    package var text: String
    /// The option to change; nil if another remedy is needed.
    package var setting: Setting?

    /// A setting of the relay that a finding is about.
    package enum Setting: Sendable, Equatable {
        case connection([ConnectionSetting])
        case minimumFreeDisk
        case buffer
        /// Watch the hubs of ASP.NET Core with this prefix.
        case core(prefix: String)
        case eventKey(String)
        case prefix(String)
        case hub(CoreHub)
        /// Name hubs instead of discovering them, or permit listing more channels.
        case hubNames
        case manyPatterns
        case exclusion
        case connections
        /// The objection to reading the replication stream.
        case tap(TapError)
        /// Subscribe where the replication stream is refused.
        case tapFallback
    }

    /// - Parameter text: the problem, its consequence, and the remedy.
    package static func warning(_ text: String) -> PreflightFinding { PreflightFinding(severity: .warning, text: text) }
    /// - Parameter text: the problem, its consequence, and the remedy.
    package static func problem(_ text: String) -> PreflightFinding { PreflightFinding(severity: .problem, text: text) }

    static func warning(_ text: String, setting: Setting) -> PreflightFinding {
        PreflightFinding(severity: .warning, text: text, setting: setting)
    }

    static func problem(_ text: String, setting: Setting) -> PreflightFinding {
        PreflightFinding(severity: .problem, text: text, setting: setting)
    }
}

extension PreflightReport {
    /// A subscriber can fall behind by this much in a short burst.
    package static let smallOutputBuffer = 8 << 20
    /// Lua writes larger numbers with an exponent.
    package static let lastPlainID: UInt64 = 99_999_999_999_999
    /// In nanoseconds. Above it, latencies may mean nothing, because the nodes' clocks may differ as well.
    package static let largeClockDifference: Int64 = 500_000_000
    /// In nanoseconds. Above it, the relay may read too slowly, so that its output buffer in Redis fills up.
    package static let slowRoundTrip: UInt64 = 50_000_000
    /// In bytes per second. Below it, the recorder may not keep up with a busy backplane.
    package static let slowDisk = 20_000_000.0

    /// - Parameter minimumFreeBytes: the relay does not record with less free space.
    package func findings(minimumFreeBytes: UInt64 = 0) -> [PreflightFinding] {
        [unreachable.map { .problem($0, setting: .connection(missing)) }, objection.map { .problem($0) }].compactMap(
            \.self)
            + replicaFindings + clusterFindings + channels.flatMap(findings(of:))
            + (core?.findings(clients: clients) ?? [])
            + (tap?.findings ?? []) + serverFindings + (directory.map { findings(of: $0, minimumFreeBytes) } ?? [])
    }

    private func findings(of channel: ChannelReport) -> [PreflightFinding] {
        var findings: [PreflightFinding] = []
        let name = "channel '\(channel.name)'"
        if let refusal = channel.refusal { findings.append(.problem("\(name) cannot be subscribed to: \(refusal)")) }
        // The counter does not matter then.
        if isLonely(channel), let instead = findingOfHubs(instead: channel) { return findings + [instead] }
        if channel.subscribers == 0 {
            findings.append(
                .warning(
                    "\(name) has no subscribers, so no node listens there: \(channel.meant.map { "did you mean '\($0)'?" } ?? "is the event key spelled as in Startup.cs, and do the nodes use no channelPrefix?")"
                ))
        }
        if let count = channel.subscribers, count > 0, let finding = findingOfObservers(count, name) {
            findings.append(finding)
        }
        switch channel.counter {
        case .absent:
            findings.append(
                .warning(
                    "the key '\(channel.name)' does not exist in database \(database), so nothing has been published yet, or the nodes use another database: put theirs into the address"
                ))
        case .other(let what):
            findings.append(
                .warning(
                    "the key '\(channel.name)' holds \(what) instead of SignalR's counter, so no node can publish: is this the event key?"
                ))
        case .value(let id) where id >= Self.lastPlainID - 1_000_000_000:
            findings.append(
                .warning(
                    "the counter '\(channel.name)' is at \(id); from 100000000000000 on Redis writes ids as 1e+14, which nodes cannot read: plan to reset it while all nodes are down"
                ))
        case .value, .unknown: break
        }
        return findings
    }

    private func findingOfObservers(_ count: Int, _ name: String) -> PreflightFinding? {
        guard let clients else { return nil }
        let question =
            "is the event key spelled as in Startup.cs, and do the nodes use no channelPrefix?"
        switch clients.verdict(on: count) {
        case .mayBeNodes: return nil
        case .observersOnly:
            let who = count == 1 ? "1 subscriber, a relay" : "\(count) subscribers, all of them relays"
            return .warning("\(name) has \(who); no node listens there: \(question)")
        case .unclear:
            let who = count == 1 ? "1 subscriber, which" : "\(count) subscribers, which"
            return .warning(
                "\(name) has \(who) may be \(count == 1 ? "a relay" : "relays") (\(clients.observers) of this server's \(clients.observers + clients.others) subscribers): if no node listens there, \(question)"
            )
        }
    }

    private var serverFindings: [PreflightFinding] {
        var findings: [PreflightFinding] = []
        if let limit = outputBufferLimit {
            if limit.hardBytes == 0, limit.softBytes == 0 {
                findings.append(
                    .warning(
                        "client-output-buffer-limit for pubsub is unlimited: one stuck node can fill the memory of Redis; the usual value is 32mb 8mb 60"
                    ))
            } else if limit.hardBytes > 0, limit.hardBytes < Self.smallOutputBuffer {
                findings.append(
                    .warning(
                        "client-output-buffer-limit for pubsub is only \(limit.hardBytes) bytes: Redis disconnects nodes, and this relay, after a short stall, and they miss messages; the usual value is 32mb 8mb 60"
                    ))
            }
        }
        // Hubs of ASP.NET Core have no counter.
        let hasCounters = !channels.isEmpty
        if hasCounters, let memory, memory.limit > 0, memory.policy.hasPrefix("allkeys") {
            findings.append(
                .warning(
                    "maxmemory-policy is \(memory.policy): when Redis is full it may evict the counter; then ids restart and clients miss messages; use noeviction or a volatile- policy"
                ))
        }
        if hasCounters, let persistence, !persistence.appendOnlyFile, persistence.snapshots == "" {
            findings.append(
                .warning(
                    "Redis has no persistence: after a restart the counter starts again and clients may miss messages until it catches up; enable AOF or RDB"
                ))
        }
        if let difference = clockDifferenceNanoseconds, difference.magnitude > Self.largeClockDifference {
            findings.append(
                .warning(
                    "the clock of Redis differs from this machine's by \(difference.magnitude / 1_000_000) ms: if the nodes' clocks do too, latencies mean nothing; check NTP"
                ))
        }
        if roundTripNanoseconds > Self.slowRoundTrip {
            findings.append(
                .warning(
                    "a PING took \(roundTripNanoseconds / 1_000_000) ms: run the relay near Redis, or its output buffer in Redis fills up"
                ))
        }
        return findings
    }

    private func findings(of directory: DirectoryReport, _ minimumFreeBytes: UInt64) -> [PreflightFinding] {
        if let problem = directory.problem { return [.problem("nothing can be recorded: \(problem)")] }
        var findings: [PreflightFinding] = []
        if let free = directory.freeBytes, free < minimumFreeBytes {
            findings.append(
                .problem(
                    "only \(free >> 20) MiB are free for '\(directory.path)', below the limit of \(minimumFreeBytes >> 20) MiB: nothing will be recorded",
                    setting: .minimumFreeDisk))
        }
        if let speed = directory.bytesPerSecond, speed < Self.slowDisk {
            findings.append(
                .warning(
                    "'\(directory.path)' can be written at only \(Int(speed / 1e6)) MB/s: at busy times envelopes wait in memory and may be dropped",
                    setting: .buffer))
        }
        return findings
    }
}
