import Backplane

extension CoreReport {
    /// Maximum number of findings of one kind: ten examples are enough to find the cause.
    private static let most = 10

    /// - Parameter clients: the subscribers of the server; nil if unknown.
    func findings(clients: SubscribedClients?) -> [PreflightFinding] {
        nothingFound + hubs.compactMap(refusal) + crossings + tooMany
            + hubs.compactMap { findingOfNodes($0, clients) }.prefix(Self.most)
            + unknownExclusions + strangers + overlaps + connections
    }

    // MARK: - Hubs and their nodes

    private var nothingFound: [PreflightFinding] {
        guard attachment.findsHubs else { return [] }
        guard isComplete else {
            return [
                .problem(
                    "hubs of ASP.NET Core SignalR cannot be found because the channel names of Redis are unknown; name each hub",
                    setting: .hubNames)
            ]
        }
        guard hubs.isEmpty else { return [] }
        let none =
            attachment.prefix.isEmpty
            ? "no hub of ASP.NET Core SignalR is found" : "no hub has the channel prefix '\(attachment.prefix)'"
        if !excluded.isEmpty {
            return [.warning("\(none) except those excluded: \(Self.list(excluded.map(\.type)))")]
        }
        if let other = others.max(by: { $0.nodes < $1.nodes }) {
            return [
                .warning(
                    "\(none); the hub \(Self.name(other.hub)) is on this Redis", setting: .prefix(other.hub.prefix))
            ]
        }
        if let key = eventKeys.first {
            return [
                .warning(
                    "\(none): SignalR 2 uses this Redis, with the event key\(eventKeys.count == 1 ? "" : "s") \(Self.list(eventKeys))",
                    setting: .eventKey(key))
            ]
        }
        return [
            .warning("\(none), and no event key of SignalR 2: are the nodes running, and is this their Redis?")
        ]
    }

    private func refusal(_ report: HubReport) -> PreflightFinding? {
        report.refusal.map { .problem("hub \(Self.name(report.hub)) cannot be subscribed to: \($0)") }
    }

    private func findingOfNodes(_ report: HubReport, _ clients: SubscribedClients?) -> PreflightFinding? {
        let name = "hub \(Self.name(report.hub))"
        if report.found?.mixesVersions == true {
            return .warning(
                "\(name) has nodes before .NET 7 and later ones: a client result requested by a later node through an earlier one never arrives"
            )
        }
        if report.nodes == 0, let count = listeners(report, clients) {
            return .warning(
                "\(name) has \(count) \(count == 1 ? "subscriber" : "subscribers") to '\(report.hub.channel(.all))' but no nodes: each node also subscribes to a channel of its own, '\(report.hub.channel(.ack, "..."))', but none of these does; what else subscribes there?"
            )
        }
        if report.nodes == 0 {
            if let meant = report.meant {
                return .warning("\(name) has no nodes; did you mean \(Self.name(meant))?", setting: .hub(meant))
            }
            let question =
                "is the type spelled with its namespace, as in Chat.Hubs.ChatHub, and is '\(report.hub.prefix)' the nodes' channel prefix?"
            return .warning("\(name) has no nodes: \(question)")
        }
        guard report.nodes == nil, let count = report.subscribers else { return nil }
        if count == 0 { return .warning("\(name) has no subscribers, so no node listens there") }
        switch clients?.verdict(on: count) {
        case nil, .mayBeNodes: return nil
        case .observersOnly:
            return .warning("\(name) has \(count) subscribers, all of them relays: no node listens there")
        case .unclear: return .warning("\(name) has \(count) subscribers, which may all be relays")
        }
    }

    /// How many subscribe to what is sent to all, unless they may all be relays.
    private func listeners(_ report: HubReport, _ clients: SubscribedClients?) -> Int? {
        guard let count = report.listeners, count > 0, clients?.verdict(on: count) == .mayBeNodes else { return nil }
        return count
    }

    private var unknownExclusions: [PreflightFinding] {
        guard isComplete else { return [] }
        let types = hubs.map(\.hub.type) + excluded.map(\.type)
        return attachment.excluded.filter { type in !types.contains { $0.isSameOrdinally(as: type) } }.prefix(Self.most)
            .map { type in
                let meant = NearName.nearest(to: type, among: types).map { "; did you mean '\($0)'?" }
                return .warning(
                    "there is no hub '\(type)' to exclude\(meant ?? "")", setting: .exclusion)
            }
    }

    // MARK: - Effects on Redis and the nodes

    private var tooMany: [PreflightFinding] {
        guard !attachment.admits(hubs: hubs.count) else { return [] }
        return [
            .problem(
                "\(hubs.count) hubs need \(patterns) patterns, more than \(CoreAttachment.fewPatterns): each PUBLISH of this Redis would take about \(Self.decimal(microsecondsAPublish)) us longer; name the hubs that you need, or confirm it",
                setting: .manyPatterns)
        ]
    }

    private var connections: [PreflightFinding] {
        guard attachment.includesConnections else { return [] }
        return [
            .warning(
                "messages to single connections are watched, so PUBLISH returns 1 or more even for a connection that is gone: a client result requested from it waits until it is cancelled, instead of failing at once",
                setting: .connections)
        ]
    }

    // MARK: - Hubs that are easily confused

    /// Hubs whose patterns match channels of another hub, so that those envelopes would arrive twice.
    private var crossings: [PreflightFinding] {
        var findings: [PreflightFinding] = []
        for inner in hubs.map(\.hub) where HubNeighbours.mayBeCovered(inner) {
            for outer in hubs.map(\.hub)
            where CoreWatch.covers(outer, inner, connections: attachment.includesConnections)
                && findings.count < Self.most
            {
                findings.append(
                    .problem(
                        "patterns of the hub \(Self.name(outer)) match channels of the hub \(Self.name(inner)), so its envelopes would be received twice and attributed to the wrong hub; watch only one of them"
                    ))
            }
        }
        return findings
    }

    /// Hubs that are not watched, but whose messages would be attributed to a watched hub.
    private var overlaps: [PreflightFinding] {
        neighbours.covered(watched: hubs.map(\.hub), others: unwatched + covered).map { .warning($0) }
    }

    /// Hubs that look like the same hub to the application, although their nodes do not receive each other's messages.
    private var strangers: [PreflightFinding] {
        neighbours.strangers(watched: hubs.map(\.hub), others: unwatched).map { .warning($0) }
    }

    private var neighbours: HubNeighbours {
        HubNeighbours(prefix: attachment.prefix, connections: attachment.includesConnections)
    }

    private var unwatched: [CoreHub] { excluded + others.map(\.hub) }

    // MARK: - Text

    static func name(_ hub: CoreHub) -> String { HubNeighbours.name(hub) }

    static func list(_ names: [String]) -> String {
        let shown = names.prefix(3).map { "'\($0)'" }.joined(separator: ", ")
        return names.count > 3 ? "\(shown) and \(names.count - 3) more" : shown
    }

    /// With one decimal.
    private static func decimal(_ number: Double) -> String {
        let tenths = Int((number * 10).rounded())
        return "\(tenths / 10).\(tenths % 10)"
    }
}

extension PreflightReport {
    /// Whether a channel has no subscribers, or only relays. False if unknown.
    func isLonely(_ channel: ChannelReport) -> Bool {
        guard let count = channel.subscribers else { return false }
        return count == 0 || clients?.verdict(on: count) == .observersOnly
    }

    /// The finding for an event key without nodes on a Redis with hubs of ASP.NET Core.
    ///
    /// - Returns: nil if a similar event key exists, hubs are watched too, or the Redis has no hubs.
    func findingOfHubs(instead channel: ChannelReport) -> PreflightFinding? {
        guard core == nil, channel.meant == nil, let hub = hubsHere.first else { return nil }
        return .warning(
            "no node listens to the channel '\(channel.name)': ASP.NET Core SignalR uses this Redis; it has hubs instead of event keys: \(CoreReport.list(hubsHere.map { $0.hub.topic }))",
            setting: .core(prefix: hub.hub.prefix))
    }

    /// Findings about the choice of backplanes, logged when a relay starts.
    package var backplaneFindings: [PreflightFinding] {
        channels.filter(isLonely).compactMap(findingOfHubs(instead:)) + (core?.findings(clients: clients) ?? [])
    }
}
