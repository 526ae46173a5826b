package import Backplane

/// What of ASP.NET Core SignalR is watched on one Redis.
package struct CoreAttachment: Sendable, Equatable {
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

    package init(
        prefix: String = "", hubs: [String] = [], findsHubs: Bool = false, excluded: [String] = [],
        includesConnections: Bool = false
    ) {
        self.prefix = prefix
        self.hubs = hubs
        self.findsHubs = findsHubs
        self.excluded = excluded
        self.includesConnections = includesConnections
    }

    /// Those that are watched from the start.
    package var namedHubs: [CoreHub] { hubs.map { CoreHub(prefix: prefix, type: $0) } }

    /// Whether a hub that was found is to be watched. Type names are told apart byte by byte.
    package func wants(_ hub: CoreHub) -> Bool {
        findsHubs && !excluded.contains { $0.isSameOrdinally(as: hub.type) }
    }
}
