package import Backplane
package import Capture

/// What of a capture is published, where, when and under which ids.
package struct ReplayOptions: Sendable {
    /// What becomes of the captured ids.
    package enum IDs: String, Sendable, CaseIterable {
        /// The target's own counter gives new ones, as for any node.
        case reissue
        /// The captured ones, shifted so that the first follows the target's counter; holes stay holes.
        case rebase
        /// The captured ones, and the very bytes.
        case preserve
    }

    /// Which envelopes.
    package var selection: CaptureSelection
    /// Publish everything here; nil keeps each envelope on the channel it came from, or where `channelMap` leads.
    package var channel: String?
    /// Captured event key to the target's.
    package var channelMap: OrdinalNameMap<String>
    /// Captured hub name to the one to call; compared as nodes compare hubs. Of ASP.NET Core the type, or its class.
    package var hubMap: OrdinalNameMap<String>
    /// Captured names of groups and users to the target's.
    package var groupMap: OrdinalNameMap<String>
    package var userMap: OrdinalNameMap<String>
    /// What concerns hubs of ASP.NET Core.
    package var core: CoreReplayOptions
    /// How fast.
    package var speed: ReplaySchedule.Speed
    /// Longer pauses are cut to this; nanoseconds.
    package var longestPause: UInt64?
    /// When the first envelope is due, nanoseconds since 1970; nil for at once.
    package var startAt: UInt64?
    /// Envelopes to publish at most.
    package var limit: Int?
    /// How often the capture is replayed; nil for without end.
    package var rounds: Int?
    /// Under which ids.
    package var ids: IDs
    /// Set the creation time of each envelope to the time of its publication.
    package var restamps: Bool
    /// Publish even into the server and event key that the capture was recorded from.
    package var allowsSource: Bool
    /// Publish captured ids though the target's counter is beyond them, or somebody listens.
    package var forcesIDs: Bool
    /// Connect again and go on when the target is lost, or refuses for a reason that time heals.
    package var retries: Bool
    /// Path of the file that says how far the replay has come; an existing one is resumed from.
    package var checkpoint: String?

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

    /// Where an envelope of a captured event key goes.
    func target(of captured: String) -> String { channelMap[captured] ?? channel ?? captured }

    /// Where an envelope of a captured hub goes.
    var renaming: CoreRenaming {
        CoreRenaming(prefixes: core.prefixMap, hubs: hubMap, groups: groupMap, users: userMap)
    }

    /// Whether the target keeps account of how far a replay has come.
    var isTracked: Bool { retries || checkpoint != nil }

    /// What decides which envelope is the how-manieth: a checkpoint holds for the same only.
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

/// Kinds that are not published, in words.
package enum CoreLeftOutText {
    /// `connection 45, ack 12`
    package static func list(_ counts: [CoreLeftOut: Int]) -> String {
        counts.sorted { ($1.value, $0.key.rawValue) < ($0.value, $1.key.rawValue) }
            .map { "\($0.key.rawValue) \($0.value)" }.joined(separator: ", ")
    }
}

/// What else may be done about captured ids that would not be accepted.
package enum IDsRemedy: Sendable, Equatable {
    /// Move them behind the target's counter.
    case rebase
    /// Publish them all the same.
    case force
}

/// Why a replay was refused or stopped.
package enum ReplayError: Error, Sendable, CustomStringConvertible {
    /// The target is the server that the capture was recorded from, and its event key.
    case targetIsSource(endpoint: String, channel: String)
    /// The same, and a hub of ASP.NET Core under its prefix.
    case targetIsSourceHub(endpoint: String, hub: String)
    /// The target refused an envelope or was lost; the report says which were published before.
    case stopped(ReplayReport, cause: String)
    /// Nothing to replay.
    case empty
    /// All that is selected is of kinds that are not published.
    case allLeftOut([CoreLeftOut: Int])
    /// An event key is given for what has none.
    case noEventKey
    /// Options name what the selection does not hold: `what` is "channel", "hub", "prefix", "group" or "user".
    case notSelected(what: String, names: [String], available: [String])
    /// The capture was recorded without the values of messages.
    case withoutPayload
    /// Captured ids would not be accepted there.
    case idsRefused(reason: String, remedies: [IDsRemedy] = [])
    /// Somebody listens there, and nobody said that this is meant.
    case someoneListens(String)
    /// The checkpoint belongs to something else, or cannot be used.
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
