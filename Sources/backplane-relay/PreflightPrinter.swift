import Backplane
import Logging
import NIOPosix
import Preflight
import Redis
import Relay

/// Prints the outcome of `run --check-only`.
struct PreflightPrinter {
    let report: PreflightReport
    let findings: [PreflightFinding]
    /// Description of the forward target; nil if nothing is forwarded.
    var forward: String?
    var listen: String?
    /// How often nodes are pinged; nil for never.
    var ping: String?
    /// How often a marker is published; nil for never.
    var markers: String?

    var passed: Bool { !findings.contains { $0.severity == .problem } }

    var lines: [String] {
        let answer =
            report.unreachable == nil
            ? "a PING takes \(Format.seconds(seconds(report.roundTripNanoseconds)))" : "cannot be used"
        var lines = [line("redis", "\(report.endpoint), \(answer)")]
        if let server = report.server {
            // Some servers leave out fields of INFO.
            let parts = [server.title, server.mode, server.role, server.runID.isEmpty ? "" : "run_id \(server.runID)"]
            lines.append(line("server", parts.filter { !$0.isEmpty }.joined(separator: ", ")))
        }
        if let replica = report.replica {
            lines.append(line("replica", text(of: replica)))
            lines.append(
                line(
                    "asked",
                    replica.asked.map { "\($0), the master, for subscribers, channels and counters" }
                        ?? "only the replica, which does not count the nodes: its master cannot be queried"))
        }
        if let cluster = report.cluster { lines += ClusterLines(report: cluster).lines.map { line($0.label, $0.text) } }
        if let user = report.user { lines.append(line("user", user)) }
        if let difference = report.clockDifferenceNanoseconds {
            let amount = Format.seconds(seconds(difference.magnitude))
            lines.append(line("clock", "Redis is \(amount) \(difference < 0 ? "behind" : "ahead")"))
        }
        if let persistence = report.persistence { lines.append(line("persistence", text(of: persistence))) }
        if let memory = report.memory {
            lines.append(
                line("memory", memory.limit == 0 ? "no limit" : "\(Format.bytes(memory.limit)), then \(memory.policy)"))
        }
        if let limit = report.outputBufferLimit { lines.append(line("pubsub limit", text(of: limit))) }
        for channel in report.channels { lines.append(line("channel", text(of: channel))) }
        if let core = report.core { lines += self.lines(of: core) }
        if let reason = report.namesUnknown {
            lines.append(line("other names", reason + (report.hasTooManyNames ? " (--max-channel-scan)" : "")))
        }
        if let clients = report.clients,
            report.core != nil || report.channels.contains(where: { !isShared($0, clients) })
        {
            lines.append(
                line(
                    "subscribers",
                    "of all channels of this \(report.cluster == nil ? "server" : "cluster"): \(text(of: clients))"))
        }
        if let tap = report.tap { lines += TapLines(report: tap).lines.map { line($0.label, $0.text) } }
        if let markers {
            lines.append(
                line("markers", "every \(markers): INFO and PUBLISH on \(MarkerChannel.beginning)..., at the master"))
        }
        if let forward { lines.append(line("forward", forward)) }
        if let listen { lines.append(line("listen", listen)) }
        if let directory = report.directory { lines.append(line("record", text(of: directory))) }
        for command in report.notPermitted {
            let use = [.psync, .replconf].contains(command) ? "needed only for the tap" : "not needed to record"
            lines.append(line("not permitted", "\(command.title) (\(use)); lost: \(command.loss)"))
        }
        for field in report.missingFields {
            lines.append(line("INFO lacks", "\(field.rawValue) (section \(field.section)); lost: \(field.loss)"))
        }
        lines.append("")
        for finding in findings { lines.append(line(finding.severity.rawValue, OptionNames.explained(finding))) }
        lines.append(line(passed ? "OK" : "NOT OK", verdict))
        return lines
    }

    private var verdict: String {
        let problems = findings.count { $0.severity == .problem }
        let warnings = findings.count - problems
        if problems > 0 {
            return
                "the relay cannot run as configured: \(Format.count(problems, "problem")), \(Format.count(warnings, "warning"))"
        }
        return warnings == 0 ? "the relay can attach" : "the relay can attach; \(Format.count(warnings, "warning"))"
    }

    private func line(_ name: String, _ text: String) -> String { name.padding(to: 14) + text }

    private func seconds(_ nanoseconds: UInt64) -> Double { Double(nanoseconds) * 1e-9 }

    private func text(of replica: ReplicaReport) -> String {
        var parts = ["of \(replica.master ?? "an unknown master")", "link \(replica.isLinked ? "up" : "down")"]
        if let bytes = replica.lagBytes { parts.append("\(Format.bytes(Int(clamping: bytes))) behind") }
        if let silence = replica.silence { parts.append("heard from its master \(silence) s ago") }
        return parts.joined(separator: ", ")
    }

    private func text(of persistence: RedisPersistence) -> String {
        let snapshots =
            switch persistence.snapshots {
            case nil: "RDB unknown"
            case "": "no RDB"
            case .some(let rules): "RDB (\(rules))"
            }
        return "\(persistence.appendOnlyFile ? "AOF" : "no AOF"), \(snapshots)"
    }

    private func text(of limit: PreflightReport.OutputBufferLimit) -> String {
        let hard = limit.hardBytes == 0 ? "no hard limit" : "hard \(Format.bytes(limit.hardBytes))"
        let soft =
            limit.softBytes == 0 ? "no soft limit" : "soft \(Format.bytes(limit.softBytes)) for \(limit.softSeconds) s"
        return "\(hard), \(soft)"
    }

    private func text(of channel: ChannelReport) -> String {
        var subscribers = channel.subscribers.map { Format.count($0, "subscriber") } ?? "subscribers unknown"
        if let clients = report.clients, isShared(channel, clients), channel.subscribers != 0 {
            subscribers += " (\(text(of: clients)))"
        }
        let counter =
            switch channel.counter {
            case .unknown: "counter unknown"
            case .absent: "no counter in database \(report.database)"
            case .value(let id): "counter \(Format.count(id)) in database \(report.database)"
            case .other(let what): "the key holds \(what)"
            }
        return
            "\(channel.name): \(subscribers), \(counter), SUBSCRIBE \(channel.refusal == nil ? "permitted" : "refused")"
    }

    /// Maximum number of excluded hubs listed.
    private static let shownHubs = 20

    private func lines(of core: CoreReport) -> [String] {
        let attachment = core.attachment
        let prefix =
            attachment.prefix.isEmpty ? "no channel prefix" : "channel prefix '\(attachment.prefix)'"
        var lines: [String] = []
        if core.hubs.isEmpty { lines.append(line("hubs", "none found, \(prefix)")) }
        for hub in core.hubs { lines.append(line("hub", "\(hub.hub.type) (\(prefix)): \(text(of: hub))")) }
        if !core.excluded.isEmpty {
            let names = core.excluded.prefix(Self.shownHubs).map(\.type).joined(separator: ", ")
            let more = core.excluded.count - Self.shownHubs
            lines.append(line("excluded", names + (more > 0 ? " and \(Format.count(more)) more" : "")))
        }
        guard !core.hubs.isEmpty else { return lines }
        lines.append(
            line(
                "patterns",
                "\(Format.count(core.patterns)) for \(Format.count(core.hubs.count, "hub")): each PUBLISH of this Redis takes about \(Format.decimal(core.microsecondsAPublish, digits: 1)) us longer"
            ))
        lines.append(
            line(
                "connections",
                attachment.includesConnections
                    ? "watched: PUBLISH returns 1 or more even for a connection that is gone"
                    : "not watched: the result of PUBLISH for nodes is unchanged"))
        let access = RelayAccess(
            hubs: core.hubs.map(\.hub), includesConnections: attachment.includesConnections,
            channels: report.channels.map(\.name), pings: ping != nil, marks: markers != nil,
            server: report.server)
        if let ping {
            lines.append(
                line("ping", "every \(ping): PUBLISH to the nodes of each hub, which needs +publish on its channels"))
        }
        lines.append(line("acl", access.command))
        return lines
    }

    private func text(of hub: HubReport) -> String {
        var parts: [String] = []
        if let nodes = hub.nodes {
            let details = [
                hub.found.map {
                    $0.machines.prefix(5).joined(separator: ", ") + ($0.machines.count > 5 ? ", ..." : "")
                },
                hub.found?.versions,
            ].compactMap(\.self).filter { !$0.isEmpty }
            parts.append(Format.count(nodes, "node") + (details.isEmpty ? "" : " (\(details.joined(separator: "; ")))"))
        } else {
            parts.append("nodes unknown")
        }
        parts.append(hub.subscribers.map { Format.count($0, "subscriber") } ?? "subscribers unknown")
        parts.append("SUBSCRIBE and PSUBSCRIBE \(hub.refusal == nil ? "permitted" : "refused")")
        return parts.joined(separator: ", ")
    }

    /// True if the subscribers of the server are those of the channel.
    private func isShared(_ channel: ChannelReport, _ clients: SubscribedClients) -> Bool {
        channel.subscribers.map { clients.areAll(of: $0) } ?? false
    }

    private func text(of clients: SubscribedClients) -> String {
        "\(clients.observers) \(clients.observers == 1 ? "relay" : "relays"), \(clients.others) \(clients.others == 1 ? "other" : "others")"
    }

    private func text(of directory: DirectoryReport) -> String {
        var text = directory.path + (directory.exists ? "" : " (will be created)")
        if let free = directory.freeBytes { text += ", \(Format.bytes(Int(clamping: free))) free" }
        if let speed = directory.bytesPerSecond { text += ", takes \(Format.decimal(speed / 1e6, digits: 0)) MB/s" }
        return text
    }
}

/// Warnings in a relay's first log lines about backplanes on its Redis that it does not watch, with the options that
/// would watch them.
struct BackplaneNotice {
    /// The longest wait for each answer, in milliseconds: an unavailable Redis delays no relay.
    private static let patience: Int64 = 500
    /// The same if hubs are watched: the answer may then end the command.
    private static let longPatience: Int64 = 2_000

    private let findings: [PreflightFinding]
    /// Whether there is nothing to watch if hubs cannot be discovered.
    private let needsHubs: Bool

    /// - Parameters:
    ///   - channels: event keys of SignalR 2.
    ///   - core: nil if nothing of ASP.NET Core is watched.
    static func look(
        at redis: RedisConfiguration, channels: [String], core: CoreAttachment?, maxChannelScan: Int
    ) async -> BackplaneNotice {
        var redis = redis
        redis.clientName += "-watch"
        redis.shorten(to: core == nil ? patience : longPatience)
        let report = try? await Preflight.backplanes(
            redis: redis, channels: channels, core: core, maxChannelScan: maxChannelScan,
            eventLoopGroup: MultiThreadedEventLoopGroup.singleton)
        return BackplaneNotice(
            findings: report?.backplaneFindings ?? [],
            needsHubs: channels.isEmpty && core?.hubs.isEmpty ?? false)
    }

    /// - Throws: ``ExplainedError`` for a problem that the relay must not start with; it names the options to change.
    func require() throws {
        let problem = findings.first { finding in
            finding.severity == .problem && (finding.setting != .hubNames || needsHubs)
        }
        if let problem { throw ExplainedError(OptionNames.explained(problem)) }
    }

    func log(to logger: Logger) {
        for finding in findings {
            logger.warning("pre-flight", metadata: ["cause": "\(OptionNames.explained(finding))"])
        }
    }
}
