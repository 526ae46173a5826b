package import Backplane

/// A hub of ASP.NET Core that has subscribers, as far as the names of its channels tell.
package struct FoundHub: Sendable, Equatable {
    /// Servers whose names are kept.
    static let keptServers = 100

    /// Its prefix is a guess: that of a StackExchange.Redis client of this Redis, and what ends with a colon, as no type
    /// holds one.
    package let hub: CoreHub
    /// Channels by kind.
    package private(set) var counts: [CoreKind: Int] = [:]
    /// By which nodes name themselves for this hub, by name; the first hundred.
    package private(set) var servers: [String] = []

    /// - Parameters:
    ///   - root: prefix and type.
    ///   - prefixes: of the clients of this Redis.
    init(root: String, prefixes: [String]) {
        let known = prefixes.filter { root.utf8.starts(with: $0.utf8) && root.utf8.count > $0.utf8.count }
            .max { $0.utf8.count < $1.utf8.count }
        var prefix = known ?? ""
        if let colon = root.dropLast().lastIndex(of: ":"),
            colon >= (root.utf8.index(root.startIndex, offsetBy: prefix.utf8.count))
        {
            prefix = String(root[...colon])
        }
        hub = CoreHub(root: Array(root.utf8), prefix: prefix) ?? CoreHub(type: root)
    }

    /// - Parameter channel: one of this hub.
    mutating func note(_ channel: String) {
        Array(channel.utf8).withUnsafeBytes { channel in
            guard let name = hub.parse(channel) else { return }
            counts[name.kind, default: 0] += 1
            if name.kind == .ack, servers.count < Self.keptServers { servers.append(name.nameText) }
        }
    }

    /// Whether `PUBSUB CHANNELS` of what each node listens to shows it.
    package var isFindable: Bool { counts[.groupCommand] != nil }

    /// Each node has a channel for acknowledgements of its own.
    package var nodes: Int { counts[.ack] ?? 0 }

    /// Machines of the nodes, by name, each once.
    package var machines: [String] {
        Set(servers.map { CoreServerName($0)?.machine ?? $0 }).sorted()
    }

    /// The .NET versions that the nodes can have, in words; nil if nothing tells.
    package var versions: String? {
        guard nodes > 0 else { return nil }
        switch counts[.result] ?? 0 {
        case 0: return "before .NET 7"
        case nodes...: return ".NET 7 or later"
        default: return "some before .NET 7"
        }
    }

    /// Whether nodes that cannot answer a client result are beside nodes that ask for one.
    package var mixesVersions: Bool { (1..<max(1, nodes)).contains(counts[.result] ?? 0) }
}
