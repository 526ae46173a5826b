package import Backplane
import Cryptography
import Redis

/// Source and destination of envelopes, and whether they may be forwarded: decision logic without I/O.
struct LoopGuard: Equatable {
    /// The identity of a server, as far as known.
    struct Server: Equatable {
        /// nil if INFO is not permitted.
        var runID: String?
        /// `host:port`
        var endpoint: String

        /// The resolved address; nil unless it was needed.
        var place: ServerPlace?

        var hasNoRunID: Bool { runID?.isEmpty ?? true }

        func isSame(as other: Server) -> Bool {
            if let runID, let otherID = other.runID, !runID.isEmpty, !otherID.isEmpty { return runID == otherID }
            if let place, let otherPlace = other.place, place.isSame(as: otherPlace) { return true }
            return endpoint == other.endpoint
        }
    }

    var source: Server
    var target: Server
    /// The watched event keys and hubs, by channel index.
    private(set) var channels: [BackplaneChannel] {
        didSet { targets = channels.map { route.target(of: $0) } }
    }
    let route: ForwardRoute
    /// The event key or hub at the target, by channel index.
    private(set) var targets: [BackplaneChannel]

    init(source: Server, target: Server, channels: [BackplaneChannel], route: ForwardRoute) {
        self.source = source
        self.target = target
        self.channels = channels
        self.route = route
        targets = channels.map { route.target(of: $0) }
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
        guard target.isSame(as: source) else { return nil }
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

    /// The mark of an envelope's source: server and channel.
    func leaving(_ channel: Int) -> String { Self.mark(source, channels[channel].name) }

    /// Marks that an envelope must not have: those of its destination and of its source.
    func visited(_ channel: Int) -> [String] { [Self.mark(target, target(of: channel)), leaving(channel)] }

    private static func mark(_ server: Server, _ channel: String) -> String {
        SHA256.hash(Array("\(server.runID ?? server.endpoint)\u{0}\(channel)".utf8)).bytes.prefix(8).hex
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
