package import Backplane
import Cryptography
import Redis

/// Source and destination of envelopes, and whether they may be forwarded: decision logic without I/O.
struct LoopGuard: Equatable {
    /// The identity of a server, as far as known.
    struct Server: Equatable {
        /// nil if INFO is not permitted.
        var runID: String?
        /// The history of its data, which a master and its replicas share; nil if unknown.
        var history: String?
        /// A replica has the envelopes of its master.
        var isReplica = false
        /// `host:port` of a replica's master; nil if unknown.
        var master: String?
        /// `host:port`
        var endpoint: String

        /// The resolved address; nil unless it was needed.
        var place: ServerPlace?
        /// The same of the replica's master.
        var masterPlace: ServerPlace?

        var hasNoRunID: Bool { runID?.isEmpty ?? true }

        var identity: String { runID ?? endpoint }

        /// Whether both have the same envelopes: they are one server, or a master and its replica.
        func isSame(as other: Server) -> Bool {
            if let history, let otherHistory = other.history, !history.isEmpty, history == otherHistory { return true }
            if let runID, let otherID = other.runID, !runID.isEmpty, !otherID.isEmpty { return runID == otherID }
            if let place, let otherPlace = other.place, place.isSame(as: otherPlace) { return true }
            return endpoint == other.endpoint
        }

        /// Whether it is a replica of the other, of which only the address is known.
        func isReplica(of other: Server) -> Bool {
            guard isReplica, let master, other.hasNoRunID else { return false }
            if let masterPlace, let place = other.place, masterPlace.isSame(as: place) { return true }
            return master == other.endpoint
        }
    }

    var source: Server { didSet { mark() } }
    var target: Server { didSet { mark() } }
    /// The watched event keys and hubs, by channel index.
    private(set) var channels: [BackplaneChannel] {
        didSet {
            targets = channels.map { route.target(of: $0) }
            mark()
        }
    }
    let route: ForwardRoute
    /// The event key or hub at the target, by channel index.
    private(set) var targets: [BackplaneChannel]
    /// By channel index, what each envelope is compared with.
    private var marks: [(leaving: String, visited: [String])] = []

    init(source: Server, target: Server, channels: [BackplaneChannel], route: ForwardRoute) {
        self.source = source
        self.target = target
        self.channels = channels
        self.route = route
        targets = channels.map { route.target(of: $0) }
        mark()
    }

    static func == (left: LoopGuard, right: LoopGuard) -> Bool {
        left.source == right.source && left.target == right.target && left.channels == right.channels
            && left.route == right.route
    }

    /// Adds hubs that were attached since.
    mutating func attach(_ all: [BackplaneChannel]) {
        if all.count != channels.count { channels = all }
    }

    func target(of channel: Int) -> String { targets[channel].name }

    /// Whether the relay would receive what it forwards: the target is the watched server, and so is the event key or
    /// hub there.
    var returnsAtOnce: Bool { returning != nil }

    /// The watched event key or hub that is also a destination on the same server.
    private var returning: BackplaneChannel? {
        guard target.isSame(as: source) || source.isReplica(of: target) else { return nil }
        return targets.first { target in channels.contains { $0.isSamePlace(as: target) } }
    }

    /// Refuses a target whose envelopes would return; nil if none would.
    var objection: ForwardError? {
        returning.map { place in
            place.hub == nil
                ? .targetIsSource(endpoint: target.endpoint)
                : .targetIsSourceHub(endpoint: target.endpoint, hub: place.name)
        }
    }

    /// The mark of an envelope's source: server and channel. Of a replica it is that of its master, so that a relay at
    /// the master recognizes it.
    func leaving(_ channel: Int) -> String { marks[channel].leaving }

    /// Marks that an envelope must not have: those of its destination and of its source.
    func visited(_ channel: Int) -> [String] { marks[channel].visited }

    private mutating func mark() {
        let identity = source.isReplica ? source.history ?? source.identity : source.identity
        marks = channels.indices.map { index in
            let name = channels[index].name
            return (
                Self.mark(identity, name),
                Self.marks(target, targets[index].name) + Self.marks(source, name)
            )
        }
    }

    /// Those that a relay at the server, or at a replica of it, gives to envelopes.
    private static func marks(_ server: Server, _ channel: String) -> [String] {
        ([server.identity] + (server.history.map { [$0] } ?? [])).map { mark($0, channel) }
    }

    private static func mark(_ identity: String, _ channel: String) -> String {
        SHA256.hash(Array("\(identity)\u{0}\(channel)".utf8)).bytes.prefix(8).hex
    }
}

extension BackplaneChannel {
    /// Whether both have the same Redis channels. Where the prefix of a hub ends makes no difference to Redis.
    fileprivate func isSamePlace(as other: BackplaneChannel) -> Bool {
        dialect == other.dialect && name.isSameOrdinally(as: other.name)
    }
}

/// Maps watched event keys and hubs to those at the target.
package struct ForwardRoute: Sendable, Equatable {
    /// The event key at the target for all of SignalR 2; nil keeps the event keys.
    package var channel: String?
    /// New prefixes and names for hubs of ASP.NET Core.
    package var renaming: CoreRenaming

    /// - Parameters:
    ///   - channel: see ``channel``.
    ///   - renaming: unchanged names by default.
    package init(channel: String? = nil, renaming: CoreRenaming = CoreRenaming()) {
        self.channel = channel
        self.renaming = renaming
    }

    /// The event key or hub at the target.
    package func target(of source: BackplaneChannel) -> BackplaneChannel {
        switch source {
        case .signalR2(let key): .signalR2(key: channel ?? key)
        case .core(let hub): .core(renaming.target(of: hub))
        }
    }

    /// The same for several, without duplicates.
    func targets(of sources: [BackplaneChannel]) -> [BackplaneChannel] {
        sources.reduce(into: []) { targets, source in
            let target = target(of: source)
            if !targets.contains(target) { targets.append(target) }
        }
    }
}
