package import Backplane
package import Redis

/// What is watched of ASP.NET Core SignalR on one Redis.
package struct CoreAttachment: Sendable, Equatable {
    /// Each PUBLISH of a Redis is compared with all of its patterns: more than this number requires the operator's
    /// consent.
    package static let fewPatterns = 40
    /// The most hubs, with the operator's consent too.
    package static let mostHubs = 250
    /// How long a discovered hub stays watched without nodes: an hour. Longer than an application is down for a
    /// release, because what its nodes send before the hub is found again is missed; and long after the alert about a
    /// hub without nodes, which waits ten minutes and ends when the hub is no longer watched.
    package static let usualEmptyHubTime = Duration.seconds(3_600)

    /// The `ChannelPrefix` of the nodes; empty for none.
    package var prefix: String
    /// Full type names of hubs to watch without discovery.
    package var hubs: [String]
    /// Whether to discover hubs with the prefix, and follow them as they come and go.
    package var findsHubs: Bool
    /// Full type names of hubs not to watch.
    package var excluded: [String]
    /// Also watch messages to single connections, which changes the replies of PUBLISH to nodes: see ``CoreWatch``.
    package var includesConnections: Bool
    /// Whether discovered hubs may need more patterns than ``fewPatterns``.
    package var permitsManyPatterns: Bool
    /// How long a discovered hub stays watched without nodes; a named one always does.
    package var emptyHubTime = Self.usualEmptyHubTime

    /// The defaults watch nothing.
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

    /// The hubs watched from the start.
    package var namedHubs: [CoreHub] { hubs.map { CoreHub(prefix: prefix, type: $0) } }

    /// Whether to watch a discovered hub. Type names are compared byte by byte.
    package func wants(_ hub: CoreHub) -> Bool {
        findsHubs && !excluded.contains { $0.isSameOrdinally(as: hub.type) }
    }

    /// Number of PSUBSCRIBE patterns for this many hubs.
    package func patterns(hubs: Int) -> Int {
        hubs * CoreWatch(CoreHub(type: "H"), connections: includesConnections).patterns.count
    }

    /// Whether this many hubs may be watched. Naming each hub implies consent.
    ///
    /// - Parameter hubs: number of all watched hubs, including the named ones.
    package func admits(hubs: Int) -> Bool {
        !findsHubs || permitsManyPatterns || hubs <= self.hubs.count || patterns(hubs: hubs) <= Self.fewPatterns
    }

    /// The discovered hubs that may be watched in addition to others, within the limit of ``admits(hubs:)``.
    ///
    /// - Parameter count: number of hubs already watched, including the named ones.
    package func admitted(_ found: [CoreHub], besides count: Int) -> [CoreHub] {
        let most = permitsManyPatterns ? Self.mostHubs : Self.fewPatterns / patterns(hubs: 1)
        return Array(found.prefix(max(0, most - count)))
    }
}

/// The ACL that a relay needs, as a command for redis-cli.
package struct RelayAccess: Sendable {
    private let hubs: [CoreHub]
    private let includesConnections: Bool
    private let channels: [String]
    private let hasReadOnlyKeys: Bool
    private let isCluster: Bool
    private let pings: Bool
    private let marks: Bool

    /// - Parameters:
    ///   - channels: event keys of SignalR 2.
    ///   - pings: whether it pings nodes, which publishes on channels that it subscribes to anyway.
    ///   - marks: whether it publishes markers, on a channel of its own.
    ///   - server: from INFO; nil if not permitted.
    package init(
        hubs: [CoreHub], includesConnections: Bool, channels: [String], pings: Bool = false, marks: Bool = false,
        server: RedisServerInfo?
    ) {
        self.marks = marks
        self.pings = pings
        self.hubs = hubs
        self.includesConnections = includesConnections
        self.channels = channels
        isCluster = server?.mode == "cluster"
        // Read-only key patterns exist since Redis 7 and in every version of Valkey.
        let major = server.flatMap { $0.version.split(separator: ".").first }.flatMap { Int($0) }
        hasReadOnlyKeys = server?.product == "Valkey" || major ?? 7 >= 7
    }

    /// Creates a separate user. The operator must replace the password `SECRET`.
    package var command: String {
        let names = channels.map { String(decoding: RedisGlob.escaped($0.utf8), as: UTF8.self) }
        let keys = names.map { (hasReadOnlyKeys ? "%R~" : "~") + $0 }
        let rules =
            keys + names.map { "&" + $0 }
            + hubs.map { CoreWatch($0, connections: includesConnections).aclRules }
            + (marks ? [MarkerChannel.aclRule] : [])
        return
            "ACL SETUSER relay on >SECRET resetkeys resetchannels \(rules.joined(separator: " ")) -@all \(commands)"
    }

    private var commands: String {
        // Markers include what pings need.
        (AskedCommand.watching + (channels.isEmpty ? [] : AskedCommand.counting)
            + (isCluster ? AskedCommand.spanning : [])
            + (marks ? AskedCommand.marking : pings ? AskedCommand.pinging : []))
            .map { "+" + $0.rawValue }.joined(separator: " ")
    }
}
