package import Backplane
package import Capture

/// What a replay would do, determined by reading the capture once.
package struct ReplayForecast: Sendable {
    /// The destination of a captured event key's envelopes.
    package struct Route: Sendable {
        /// The event key at the target.
        package var target: String
        /// Envelopes that would be published in one round.
        package internal(set) var envelopes = 0
        /// Captured id of the first envelope; 0 if it has none.
        package internal(set) var firstID: UInt64
        /// Captured id of the last envelope, or the highest one if several counters published; 0 if none is valid.
        package internal(set) var lastID: UInt64
        /// Number of counters that assigned the ids: more than one if several publish in turn.
        package var counters: Int { tracker.counters }
        var tracker = CounterTracker()
        var lowestID: UInt64
    }

    private static let listedHubs = 100
    private static let lookedForNames = 1_000
    private static let listedRunIDs = 1_000

    /// Envelopes of one round, without those that have no id.
    package internal(set) var envelopes = 0
    /// Their payload bytes, without ids.
    package internal(set) var bytes = 0
    /// Envelopes not published by a node's script, which cannot be published again.
    package internal(set) var skipped = 0
    /// By captured event key.
    package internal(set) var routes: OrdinalNameMap<Route> = [:]
    /// The forecast for hubs of ASP.NET Core.
    package internal(set) var core: CoreForecast
    /// Messages by hub, at most a hundred hubs.
    package internal(set) var hubs: OrdinalNameMap<Int> = [:]
    /// Duration of one round at the chosen speed, in nanoseconds; nil at maximum speed.
    package internal(set) var ratedNanoseconds: UInt64?
    /// Ids that the capture reports as missing, from the first selected envelope on.
    package var missingIDs: UInt64 {
        holes.filter { isOfOneCounter($0) }.values.reduce(0) { $0.addingSaturated($1.count) }
    }
    /// Captured event keys on which several counters published in turn, so that missing ids are unknown.
    package var interleaved: [String] { routes.keys.filter { !isOfOneCounter($0) }.sorted() }
    /// What cannot be read of the capture, or is gone.
    package internal(set) var damage: [String] = []
    /// Whether the recording is complete within the selection.
    package private(set) var recording = RecordingVerdict()
    /// Captured event keys for which it is unknown whether ids are missing.
    package private(set) var doubts: OrdinalNameMap<RecordingDoubt> = [:]
    /// Run ids of the servers that the relay was subscribed to.
    private(set) var runIDs: Set<String> = []
    /// Histories of their data (`master_replid`).
    private(set) var histories: Set<String> = []
    private var holes: OrdinalNameMap<IDRanges> = [:]
    /// Hubs and methods as written; only if options refer to any.
    private var hubNames: [CaselessName: String] = [:]
    private var methodNames: [CaselessName: String] = [:]
    private var groupNames: [CaselessName: String] = [:]
    private var userNames: [CaselessName: String] = [:]

    /// - Parameter progress: as reported by ``CaptureReader``.
    init(
        of capture: CaptureReader, options: ReplayOptions, progress: ((CaptureProgress) -> Void)? = nil
    ) throws {
        core = CoreForecast(options)
        var schedule = ReplaySchedule(speed: options.speed, longestPause: options.longestPause)
        let report = try capture.forEach(options.selection) { item in
            switch item {
            case .envelope(let envelope):
                guard options.limit.map({ envelopes < $0 }) ?? true else { return }
                guard envelope.form == .signalR2 else { return note(core: envelope, &schedule) }
                guard let blob = Reissue.blob(of: envelope.payload) else { return skipped += 1 }
                envelopes += 1
                bytes += blob.count
                ratedNanoseconds = schedule.due(receivedAt: envelope.receivedAt)
                note(envelope, options)
            case .event(let event, _): note(event)
            }
        } progress: {
            progress?($0)
        }
        damage = report.damage.map(\.description) + report.lossDescriptions
        recording = report.verdict
        doubts = report.doubts
    }

    private mutating func note(core envelope: CapturedEnvelope, _ schedule: inout ReplaySchedule) {
        guard let (isPublished, count) = core.note(envelope) else { return skipped += 1 }
        guard isPublished else { return }
        envelopes += 1
        bytes += count
        ratedNanoseconds = schedule.due(receivedAt: envelope.receivedAt)
        guard let hub = envelope.hub?.type else { return }
        if hubs.count < Self.listedHubs || hubs[hub] != nil { hubs[hub, default: 0] += 1 }
    }

    private func isOfOneCounter(_ channel: String) -> Bool { routes[channel].map { $0.counters == 1 } ?? true }

    private mutating func note(_ event: CaptureEvent) {
        if let runID = event.runID, runIDs.count < Self.listedRunIDs { runIDs.insert(runID) }
        if let history = event.masterReplid, histories.count < Self.listedRunIDs { histories.insert(history) }
        // Envelopes dropped by our own relay are reported twice: as drops and as a gap.
        guard event.event == "gap" || event.event == "dropped" || event.isLoss, let channel = event.channel,
            routes[channel] != nil, let from = event.from, let to = event.to, to >= from
        else { return }
        holes[channel, default: IDRanges()].insert(from...to)
    }

    private mutating func note(_ envelope: CapturedEnvelope, _ options: ReplayOptions) {
        let id = try? EnvelopeID.parse(envelope.payload).id
        var route =
            routes[envelope.channel]
            ?? Route(target: options.target(of: envelope.channel), firstID: id ?? 0, lastID: 0, lowestID: .max)
        route.envelopes += 1
        if let id {
            _ = route.tracker.observe(id)
            // With several counters the last id is meaningless.
            route.lastID = route.tracker.heard.last?.ids.upperBound ?? id
            route.lowestID = min(route.lowestID, id)
        }
        routes[envelope.channel] = route
        guard var walk = try? EnvelopeWalk(envelope.payload) else { return }
        let looksForNames = !options.hubMap.isEmpty || !options.selection.hubs.isEmpty
        let looksForTargets = !options.groupMap.isEmpty || !options.userMap.isEmpty
        while let message = try? walk.next() {
            if looksForNames { noteHubs(message) }
            if looksForTargets { noteTargets(message) }
            guard let call = HubInvocation(scanning: message.value) else { continue }
            let hub = call.hubName
            if looksForNames { Self.note(hub, in: &hubNames) }
            if !options.selection.methods.isEmpty { Self.note(call.methodName, in: &methodNames) }
            if hubs.count < Self.listedHubs || hubs[hub] != nil { hubs[hub, default: 0] += 1 }
        }
    }

    /// Hubs of signals, including those in commands.
    private mutating func noteHubs(_ message: MessageView) {
        Self.note(Signal(key: String(decoding: message.key, as: UTF8.self)).hub, in: &hubNames)
        guard message.kind == .command, let command = try? Command(decoding: message.value),
            let value = command.value
        else { return }
        Self.note(Signal(key: value).hub, in: &hubNames)
    }

    /// Names of groups and users, in signals and commands.
    private mutating func noteTargets(_ message: MessageView) {
        var keys = [String(decoding: message.key, as: UTF8.self)]
        if message.kind == .command, let group = (try? Command(decoding: message.value))?.value { keys.append(group) }
        for key in keys {
            switch Signal(key: key) {
            case .group(_, let group), .persistentConnectionGroup(_, let group): Self.note(group, in: &groupNames)
            case .user(_, let user): Self.note(user, in: &userNames)
            default: break
            }
        }
    }

    private static func note(_ name: String?, in names: inout [CaselessName: String]) {
        guard let name, names.count < lookedForNames else { return }
        names[CaselessName(name)] = name
    }

    /// Names to be renamed that do not exist: the replay would silently go elsewhere.
    func objection(to options: ReplayOptions) -> ReplayError? {
        let channels = options.channelMap.keys.filter { routes[$0] == nil }
        if !channels.isEmpty {
            return .notSelected(what: "channel", names: channels.sorted(), available: routes.keys.sorted())
        }
        if options.channel != nil, routes.isEmpty, !core.routes.isEmpty { return .noEventKey }
        let hubs = options.hubMap.keys.filter { hubNames[CaselessName($0)] == nil && !core.hasHub($0) }
        if !hubs.isEmpty, hubNames.count < Self.lookedForNames {
            let available = hubNames.values.sorted() + core.routes.values.map(\.captured.type).sorted()
            return .notSelected(what: "hub", names: hubs.sorted(), available: available)
        }
        let prefixes = options.core.prefixMap.keys.filter { !core.prefixes.contains($0) }
        if !prefixes.isEmpty {
            return .notSelected(what: "prefix", names: prefixes.sorted(), available: core.prefixes)
        }
        let groups = options.groupMap.keys.filter { !core.hasGroup($0) && groupNames[CaselessName($0)] == nil }
        if !groups.isEmpty, groupNames.count < Self.lookedForNames {
            return .notSelected(
                what: "group", names: groups.sorted(), available: groupNames.values.sorted() + core.groupNames)
        }
        let users = options.userMap.keys.filter { !core.hasUser($0) && userNames[CaselessName($0)] == nil }
        guard !users.isEmpty, userNames.count < Self.lookedForNames else { return nil }
        return .notSelected(what: "user", names: users.sorted(), available: userNames.values.sorted() + core.userNames)
    }

    /// Filter values that match nothing in the selection, while others do.
    package func unusedNames(of selection: CaptureSelection) -> [String] {
        let unused = [
            ("channel", selection.channels.map(\.text).filter { routes[$0] == nil && core.routes[$0] == nil }),
            ("hub", selection.hubs.filter { hubNames[CaselessName($0)] == nil && !core.hasHub($0) }),
            (
                "method",
                selection.methods.filter {
                    methodNames[CaselessName($0)] == nil && core.methods[CaselessName($0)] == nil
                }
            ),
        ]
        return unused.flatMap { what, names in names.sorted().map { "nothing is selected by \(what) '\($0)'" } }
    }

    /// The target's event key by captured event key.
    var channels: OrdinalNameMap<String> { routes.mapValues(\.target) }

    /// Lowest captured id by the target's event key.
    var firstIDs: OrdinalNameMap<UInt64> {
        var lowest: OrdinalNameMap<UInt64> = [:]
        for route in routes.values {
            lowest[route.target, default: .max] = min(lowest[route.target] ?? .max, route.lowestID)
        }
        return lowest
    }
}

extension Signal {
    /// The hub in its name.
    fileprivate var hub: String? {
        switch self {
        case .hub(let hub), .client(let hub, _), .group(let hub, _), .user(let hub, _): hub
        case .connection, .persistentConnection, .persistentConnectionGroup, .ack, .other: nil
        }
    }
}

/// A set of ids as ranges; duplicates count once. Bounded: beyond the limit the nearest ranges are merged, including
/// the ids in between.
struct IDRanges: Sendable, Equatable {
    static let limit = 1_000

    /// Ascending and not adjacent.
    private(set) var ranges: [ClosedRange<UInt64>] = []

    var count: UInt64 {
        ranges.reduce(0) { $0.addingSaturated(($1.upperBound - $1.lowerBound).addingSaturated(1)) }
    }

    mutating func insert(_ range: ClosedRange<UInt64>) {
        var range = range
        // Most ids are ascending: search from the end.
        var start = ranges.endIndex
        while start > 0, ranges[start - 1].upperBound.addingSaturated(1) >= range.lowerBound { start -= 1 }
        var end = start
        while end < ranges.endIndex, ranges[end].lowerBound <= range.upperBound.addingSaturated(1) {
            range = min(range.lowerBound, ranges[end].lowerBound)...max(range.upperBound, ranges[end].upperBound)
            end += 1
        }
        ranges.replaceSubrange(start..<end, with: [range])
        if ranges.count > Self.limit { mergeNearest() }
    }

    private mutating func mergeNearest() {
        let nearest = (1..<ranges.count).min {
            ranges[$0].lowerBound - ranges[$0 - 1].upperBound < ranges[$1].lowerBound - ranges[$1 - 1].upperBound
        }
        guard let nearest else { return }
        ranges[nearest - 1] = ranges[nearest - 1].lowerBound...ranges[nearest].upperBound
        ranges.remove(at: nearest)
    }
}
