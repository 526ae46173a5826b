package import Backplane

/// What of ASP.NET Core SignalR is watched on one Redis.
package struct CoreAttachment: Sendable, Equatable {
    /// Each PUBLISH of a Redis is compared with all of its patterns: more than these need a word of the operator.
    package static let fewPatterns = 40

    /// The `ChannelPrefix` of the nodes; empty for none.
    package var prefix: String
    /// Full type names of hubs that are watched without asking Redis for them.
    package var hubs: [String]
    /// Whether the hubs below the prefix are looked for, and followed as they come and go.
    package var findsHubs: Bool
    /// Full type names of hubs that are not watched though they are found.
    package var excluded: [String]
    /// Also what is sent to single connections, which changes what PUBLISH answers to nodes: see ``CoreWatch``.
    package var includesConnections: Bool
    /// Whether hubs that are found may need more patterns than ``fewPatterns``.
    package var permitsManyPatterns: Bool

    package init(
        prefix: String = "", hubs: [String] = [], findsHubs: Bool = false, excluded: [String] = [],
        includesConnections: Bool = false, permitsManyPatterns: Bool = false
    ) {
        self.prefix = prefix
        self.hubs = hubs
        self.findsHubs = findsHubs
        self.excluded = excluded
        self.includesConnections = includesConnections
        self.permitsManyPatterns = permitsManyPatterns
    }

    /// Those that are watched from the start.
    package var namedHubs: [CoreHub] { hubs.map { CoreHub(prefix: prefix, type: $0) } }

    /// Whether a hub that was found is to be watched. Type names are told apart byte by byte.
    package func wants(_ hub: CoreHub) -> Bool {
        findsHubs && !excluded.contains { $0.isSameOrdinally(as: hub.type) }
    }

    /// Patterns of PSUBSCRIBE for this many hubs.
    package func patterns(hubs: Int) -> Int {
        hubs * CoreWatch(CoreHub(type: "H"), connections: includesConnections).patterns.count
    }

    /// Whether this many hubs may be watched. Who names each hub has said that they may.
    ///
    /// - Parameter hubs: all that would be watched, the named ones among them.
    package func admits(hubs: Int) -> Bool {
        !findsHubs || permitsManyPatterns || hubs <= self.hubs.count || patterns(hubs: hubs) <= Self.fewPatterns
    }

    /// Those of the hubs that are found which may be watched besides others, as ``admits(hubs:)`` has it.
    ///
    /// - Parameter count: hubs that are watched already, the named ones among them.
    package func admitted(_ found: [CoreHub], besides count: Int) -> [CoreHub] {
        guard !permitsManyPatterns else { return found }
        return Array(found.prefix(max(0, Self.fewPatterns / patterns(hubs: 1) - count)))
    }
}
