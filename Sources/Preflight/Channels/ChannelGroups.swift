import Backplane

/// Channel names, grouped by hub according to the naming scheme of ASP.NET Core SignalR. A hub with thousands of
/// connections is one group.
package struct ChannelGroups: Equatable {
    /// A hub of ASP.NET Core.
    package struct Hub: Equatable {
        /// Prefix and type name.
        var name: String
        var channels: Int
        /// A channel that each node subscribes to; nil if it has no subscribers.
        var everyNode: String?
        var found: FoundHub
    }

    private static let libraryChannel = "__Booksleeve_MasterChanged"
    private static let marks = [":internal:groups", ":internal:ack:", ":internal:return:", ":all"]
    private static let parts = [
        ":all", ":internal:groups", ":internal:ack:", ":internal:return:", ":connection:", ":user:", ":group:",
    ]

    /// Sorted by name.
    package private(set) var hubs: [Hub] = []
    /// Channels that belong to no hub, sorted.
    package private(set) var others: [String] = []

    /// - Parameter names: the reply of `PUBSUB CHANNELS`.
    package init(_ names: some Sequence<String>) {
        let names = names.filter { !$0.hasPrefix(MarkerChannel.beginning) }.sorted()
        let known = Self.hubNames(in: names)
        let prefixes = Self.prefixes(in: names)
        var counts: [String: (channels: Int, everyNode: String?, found: FoundHub)] = [:]
        for name in names {
            guard let hub = Self.owner(of: name, among: known) else {
                others.append(name)
                continue
            }
            counts[hub, default: (0, nil, FoundHub(root: hub, prefixes: prefixes))].channels += 1
            counts[hub]?.found.note(name)
            if name == hub + ":all" || (name == hub + ":internal:groups" && counts[hub]?.everyNode == nil) {
                counts[hub]?.everyNode = name
            }
        }
        hubs = counts.map { name, hub in
            Hub(name: name, channels: hub.channels, everyNode: hub.everyNode, found: hub.found)
        }.sorted { $0.name < $1.name }
    }

    /// The channel prefixes of StackExchange.Redis clients: each client subscribes to a channel of the library.
    private static func prefixes(in names: [String]) -> [String] {
        names.filter { $0.hasSuffix(libraryChannel) }.map { String($0.dropLast(libraryChannel.count)) }
    }

    /// The text before the part that marks a channel of a hub. A group name may contain such a part too, so the
    /// shortest possible hub name wins.
    private static func hubNames(in names: [String]) -> Set<String> {
        var candidates: Set<String> = []
        for name in names {
            for mark in marks {
                let found =
                    mark.hasSuffix(":") ? name.range(of: mark) : name.hasSuffix(mark) ? name.lastRange(of: mark) : nil
                if let found, found.lowerBound > name.startIndex {
                    candidates.insert(String(name[..<found.lowerBound]))
                }
            }
        }
        var hubs: Set<String> = []
        for candidate in candidates.sorted(by: { ($0.utf8.count, $0) < ($1.utf8.count, $1) })
        where owner(of: candidate + ":", among: hubs) == nil {
            hubs.insert(candidate)
        }
        return hubs
    }

    /// The hub that the channel belongs to; nil if it belongs to none.
    private static func owner(of name: String, among hubs: Set<String>) -> String? {
        guard !hubs.isEmpty else { return nil }
        // The hub's name may end at any colon.
        var rest = name.startIndex
        while let colon = name[rest...].firstIndex(of: ":") {
            let hub = String(name[..<colon])
            if hubs.contains(hub), parts.contains(where: { isPart($0, name[colon...]) }) { return hub }
            rest = name.index(after: colon)
        }
        return nil
    }

    private static func isPart(_ part: String, _ rest: Substring) -> Bool {
        part.hasSuffix(":") ? rest.hasPrefix(part) : rest == part
    }
}

extension String {
    fileprivate func range(of text: String) -> Range<String.Index>? { firstRange(of: text) }

    fileprivate func lastRange(of suffix: String) -> Range<String.Index>? {
        hasSuffix(suffix) ? index(endIndex, offsetBy: -suffix.count)..<endIndex : nil
    }
}
