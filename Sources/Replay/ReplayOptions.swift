package import Backplane
package import Capture

/// What to publish of a capture, where, when and with which ids.
package struct ReplayOptions: Sendable {
    /// How captured ids are treated.
    package enum IDs: String, Sendable, CaseIterable {
        /// The target's own counter assigns new ones, as for any node.
        case reissue
        /// The captured ids, shifted to follow the target's counter; holes stay holes.
        case rebase
        /// The captured ids and bytes, unchanged.
        case preserve
    }

    /// Which envelopes.
    package var selection: CaptureSelection
    /// Publish everything here; nil keeps each envelope on its channel, or maps it by `channelMap`.
    package var channel: String?
    /// The target's event key by captured event key.
    package var channelMap: OrdinalNameMap<String>
    /// New hub name by captured hub name, compared like nodes do. For ASP.NET Core the type, or its class.
    package var hubMap: OrdinalNameMap<String>
    /// New names of groups and users by captured name.
    package var groupMap: OrdinalNameMap<String>
    /// New name of a user by captured name; as ``groupMap``.
    package var userMap: OrdinalNameMap<String>
    /// Options for hubs of ASP.NET Core.
    package var core: CoreReplayOptions
    /// The pace.
    package var speed: ReplaySchedule.Speed
    /// Longer pauses are shortened to this; nanoseconds.
    package var longestPause: UInt64?
    /// When the first envelope is due, nanoseconds since 1970; nil for immediately.
    package var startAt: UInt64?
    /// Maximum number of envelopes.
    package var limit: Int?
    /// Number of rounds; nil for endless.
    package var rounds: Int?
    /// The ids to use.
    package var ids: IDs
    /// Replace the creation time of each envelope by the time of publishing.
    package var restamps: Bool
    /// Allow the server and event key of the recording.
    package var allowsSource: Bool
    /// Publish captured ids even if the target's counter is beyond them, or it has subscribers.
    package var forcesIDs: Bool
    /// Reconnect and continue if the target is lost, or refuses for a temporary reason.
    package var retries: Bool
    /// Path of the checkpoint file; an existing one is resumed.
    package var checkpoint: String?

    /// The defaults publish everything once, in the captured pace, with ids of the target's counter, to the captured
    /// channels.
    package init(
        selection: CaptureSelection = .all, channel: String? = nil, channelMap: OrdinalNameMap<String> = [:],
        hubMap: OrdinalNameMap<String> = [:], speed: ReplaySchedule.Speed = .times(1), longestPause: UInt64? = nil,
        startAt: UInt64? = nil, limit: Int? = nil, rounds: Int? = 1, ids: IDs = .reissue, restamps: Bool = false,
        allowsSource: Bool = false, forcesIDs: Bool = false, retries: Bool = false, checkpoint: String? = nil,
        groupMap: OrdinalNameMap<String> = [:], userMap: OrdinalNameMap<String> = [:],
        core: CoreReplayOptions = CoreReplayOptions()
    ) {
        self.groupMap = groupMap
        self.userMap = userMap
        self.core = core
        self.selection = selection
        self.channel = channel
        self.channelMap = channelMap
        self.hubMap = hubMap
        self.speed = speed
        self.longestPause = longestPause
        self.startAt = startAt
        self.limit = limit
        self.rounds = rounds
        self.ids = ids
        self.restamps = restamps
        self.allowsSource = allowsSource
        self.forcesIDs = forcesIDs
        self.retries = retries
        self.checkpoint = checkpoint
    }

    /// The destination of a captured event key's envelopes.
    func target(of captured: String) -> String { channelMap[captured] ?? channel ?? captured }

    /// The destination of a captured hub's envelopes.
    var renaming: CoreRenaming {
        CoreRenaming(prefixes: core.prefixMap, hubs: hubMap, groups: groupMap, users: userMap)
    }

    /// Whether the target records the progress of the replay.
    var isTracked: Bool { retries || checkpoint != nil }

    /// Everything that determines an envelope's position: a checkpoint is valid only for the same.
    var fingerprint: String {
        let selected = selection == .all ? "all" : "\(selection)"
        let hubs = hubMap.map { "\($0.key.lowercased())=\($0.value)" }
        let maps = (channelMap.map { "\($0.key)=\($0.value)" } + hubs).sorted().joined(separator: ",")
        let names = [("groups", groupMap), ("users", userMap)].filter { !$0.1.isEmpty }.map { what, map in
            "; \(what) " + map.map { "\($0.key)=\($0.value)" }.sorted().joined(separator: ",")
        }
        return "selection \(selected); channel \(channel ?? "-"); maps \(maps); ids \(ids.rawValue); "
            + "rounds \(rounds.map { "\($0)" } ?? "forever"); limit \(limit.map { "\($0)" } ?? "-")"
            + names.joined() + core.fingerprint
    }
}

/// Options for hubs of ASP.NET Core.
package struct CoreReplayOptions: Sendable, Equatable {
    /// The target's channel prefix by captured prefix.
    package var prefixMap: OrdinalNameMap<String>
    /// Kinds of envelopes to publish although they are meaningless at the target.
    package var included: Set<CoreLeftOut>
    /// Protocols that each envelope must have: missing frames are converted from existing ones. Empty: envelopes stay
    /// unchanged.
    package var protocols: [CoreFormat]
    /// Also convert values without a certain equivalent in the other protocol.
    package var allowsUntyped: Bool

    /// The defaults change nothing: captured prefixes and protocols, without what is meaningless at another Redis.
    package init(
        prefixMap: OrdinalNameMap<String> = [:], included: Set<CoreLeftOut> = [], protocols: [CoreFormat] = [],
        allowsUntyped: Bool = false
    ) {
        self.prefixMap = prefixMap
        self.included = included
        self.protocols = protocols
        self.allowsUntyped = allowsUntyped
    }

    /// Part of ``ReplayOptions/fingerprint``: empty by default, so that older checkpoints remain valid.
    var fingerprint: String {
        var parts: [String] = []
        if !prefixMap.isEmpty {
            parts.append("prefixes " + prefixMap.map { "\($0.key)=\($0.value)" }.sorted().joined(separator: ","))
        }
        if !included.isEmpty { parts.append("included " + included.map(\.rawValue).sorted().joined(separator: ",")) }
        if !protocols.isEmpty { parts.append("protocols " + protocols.map(\.name).sorted().joined(separator: ",")) }
        if allowsUntyped { parts.append("untyped") }
        return parts.map { "; " + $0 }.joined()
    }
}

/// Kinds that are not published, as text.
package enum CoreLeftOutText {
    /// `connection 45, ack 12`
    package static func list(_ counts: [CoreLeftOut: Int]) -> String {
        counts.sorted { ($1.value, $0.key.rawValue) < ($0.value, $1.key.rawValue) }
            .map { "\($0.key.rawValue) \($0.value)" }.joined(separator: ", ")
    }
}

/// Remedies if captured ids would not be accepted.
package enum IDsRemedy: Sendable, Equatable {
    /// Shift them beyond the target's counter.
    case rebase
    /// Publish them anyway.
    case force
}

/// Why a replay was refused or stopped.
package enum ReplayError: Error, Sendable, CustomStringConvertible {
    /// The target is the server that the capture was recorded from, and its event key.
    case targetIsSource(endpoint: String, channel: String)
    /// The same for a hub of ASP.NET Core with its prefix.
    case targetIsSourceHub(endpoint: String, hub: String)
    /// The target refused an envelope or was lost; the report shows what was published before.
    case stopped(ReplayReport, cause: String)
    /// Nothing to replay.
    case empty
    /// Everything selected is of kinds that are not published.
    case allLeftOut([CoreLeftOut: Int])
    /// An event key was given for envelopes without one.
    case noEventKey
    /// Options name something outside the selection: `what` is "channel", "hub", "prefix", "group" or "user".
    case notSelected(what: String, names: [String], available: [String])
    /// The capture has no message values.
    case withoutPayload
    /// Captured ids would not be accepted.
    case idsRefused(reason: String, remedies: [IDsRemedy] = [])
    /// The target has subscribers, and the operator has not confirmed.
    case someoneListens(String)
    /// The checkpoint belongs to another replay, or cannot be used.
    case checkpoint(path: String, reason: String)

    package var description: String {
        switch self {
        case .targetIsSource(let endpoint, let channel):
            "\(endpoint) is the server that the capture was recorded from, and '\(channel)' is its event key: live clients there would receive old messages; name another target or another event key, or confirm that this is intended"
        case .targetIsSourceHub(let endpoint, let hub):
            "\(endpoint) is the server that the capture was recorded from, and '\(hub)' is the recorded hub with its prefix: live clients there would receive old messages; name another target, prefix or hub, or confirm that this is intended"
        case .allLeftOut(let kinds):
            "nothing to publish: everything selected is meaningless at another Redis (\(CoreLeftOutText.list(kinds)))"
        case .noEventKey:
            "everything selected is from ASP.NET Core SignalR, which has no event keys; its envelopes go to the captured channels, or to renamed prefixes and hubs"
        case .stopped(let report, let cause):
            "stopped after \(report.confirmed) confirmed envelopes"
                + "\(report.lastCapturedID.map { ", captured id \($0)" } ?? ""): \(cause)"
                + (report.publishedBehind > 0
                    ? "; \(report.publishedBehind) after it were in flight and were published" : "")
        case .empty:
            "nothing is selected: the capture holds no such envelopes; 'info' says which event keys, ids and times it has"
        case .notSelected(let what, let names, let available):
            NamesText.missing(what, names, available: available, place: "the selection") + "; nothing was published"
        case .withoutPayload:
            "the capture was recorded without payloads: its messages have no values, and no client could read them"
        case .idsRefused(let reason, _): reason
        case .someoneListens(let who): "\(who); confirm that this is intended"
        case .checkpoint(let path, let reason): "checkpoint '\(path)': \(reason)"
        }
    }
}
