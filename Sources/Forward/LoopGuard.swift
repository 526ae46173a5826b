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
    /// The event keys and hubs, by channel index.
    private(set) var channels: [BackplaneChannel] {
        didSet { targets = channels.map { route.target(of: $0) } }
    }
    let route: ForwardRoute
    /// Where each of them goes.
    private(set) var targets: [BackplaneChannel]

    init(source: Server, target: Server, channels: [BackplaneChannel], route: ForwardRoute) {
        self.source = source
        self.target = target
        self.channels = channels
        self.route = route
        targets = channels.map { route.target(of: $0) }
    }

    /// Hubs may have come.
    mutating func attach(_ all: [BackplaneChannel]) {
        if all.count != channels.count { channels = all }
    }

    func target(of channel: Int) -> String { targets[channel].name }

    /// Whether a message that is forwarded would come back at once: the same server, and an event key or hub that is watched.
    var returnsAtOnce: Bool { returning != nil }

    /// Which place that would be.
    private var returning: BackplaneChannel? {
        guard target.isSame(as: source) else { return nil }
        return targets.first { target in channels.contains { $0.isSamePlace(as: target) } }
    }

    /// That it returns at once; nil if it does not.
    var objection: ForwardError? {
        returning.map { place in
            place.hub == nil
                ? .targetIsSource(endpoint: target.endpoint)
                : .targetIsSourceHub(endpoint: target.endpoint, hub: place.name)
        }
    }

    /// The mark of the place that an envelope leaves.
    func leaving(_ channel: Int) -> String { Self.mark(source, channels[channel].name) }

    /// The places an envelope must not have passed: its destination, and this relay.
    func visited(_ channel: Int) -> [String] { [Self.mark(target, target(of: channel)), leaving(channel)] }

    private static func mark(_ server: Server, _ channel: String) -> String {
        SHA256.hash(Array("\(server.runID ?? server.endpoint)\u{0}\(channel)".utf8)).bytes.prefix(8).hex
    }
}

extension BackplaneChannel {
    /// Whether both are the same to Redis: of a hub it does not matter where its prefix ends.
    fileprivate func isSamePlace(as other: BackplaneChannel) -> Bool {
        dialect == other.dialect && name.isSameOrdinally(as: other.name)
    }
}

/// Where a forwarder publishes what comes from a channel.
package struct ForwardRoute: Sendable, Equatable {
    /// The event key of all that is of SignalR 2; nil for the one that it comes from.
    package var channel: String?
    /// Other prefixes and names of hubs of ASP.NET Core.
    package var renaming: CoreRenaming

    package init(channel: String? = nil, renaming: CoreRenaming = CoreRenaming()) {
        self.channel = channel
        self.renaming = renaming
    }

    package func target(of source: BackplaneChannel) -> BackplaneChannel {
        switch source {
        case .signalR2(let key): .signalR2(key: channel ?? key)
        case .core(let hub): .core(renaming.target(of: hub))
        }
    }

    /// Where these go, each place once.
    func targets(of sources: [BackplaneChannel]) -> [BackplaneChannel] {
        sources.reduce(into: []) { targets, source in
            let target = target(of: source)
            if !targets.contains(target) { targets.append(target) }
        }
    }
}
