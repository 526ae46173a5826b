/// A backplane that has subscribers, or a channel that is none.
package struct ListedChannel: Sendable, Equatable {
    package enum Kind: String, Sendable {
        /// An event key of SignalR 2: a counter of the same name exists.
        case signalR2 = "signalr2"
        /// All channels of one hub of ASP.NET Core SignalR.
        case core
        /// Neither, or an event key on which nothing was published yet.
        case neither
    }

    /// The Redis channel; of a Core hub what its channels begin with: prefix and type name.
    package var name: String
    package var kind: Kind
    /// Of the channel; of a Core hub those of the channel that each node listens to. nil where Redis does not tell.
    package var subscribers: Int?
    /// The counter's value.
    package var lastID: UInt64?
    /// Where the counter is.
    package var database: Int?
    /// Redis channels that this row stands for.
    package var channels = 1

    package init(
        name: String, kind: Kind, subscribers: Int? = nil, lastID: UInt64? = nil, database: Int? = nil,
        channels: Int = 1
    ) {
        self.name = name
        self.kind = kind
        self.subscribers = subscribers
        self.lastID = lastID
        self.database = database
        self.channels = channels
    }
}

/// Names of channels, told apart by how ASP.NET Core SignalR names its own; a hub with thousands of connections is one.
package struct ChannelGroups: Equatable {
    /// A hub of ASP.NET Core.
    package struct Hub: Equatable {
        /// Prefix and type name.
        var name: String
        var channels: Int
        /// That each node listens to; nil if none of them is there.
        var everyNode: String?
    }

    private static let marks = [":internal:groups", ":internal:ack:", ":internal:return:", ":all"]
    private static let parts = [
        ":all", ":internal:groups", ":internal:ack:", ":internal:return:", ":connection:", ":user:", ":group:",
    ]

    /// By name.
    package private(set) var hubs: [Hub] = []
    /// Those of no hub, by name.
    package private(set) var others: [String] = []

    package init(_ names: some Sequence<String>) {
        let names = names.sorted()
        let known = Self.hubNames(in: names)
        var counts: [String: (channels: Int, everyNode: String?)] = [:]
        for name in names {
            guard let hub = Self.owner(of: name, among: known) else {
                others.append(name)
                continue
            }
            counts[hub, default: (0, nil)].channels += 1
            if name == hub + ":all" || (name == hub + ":internal:groups" && counts[hub]?.everyNode == nil) {
                counts[hub]?.everyNode = name
            }
        }
        hubs = counts.map { Hub(name: $0.key, channels: $0.value.channels, everyNode: $0.value.everyNode) }
            .sorted { $0.name < $1.name }
    }

    /// What stands before the mark of a hub's own channel. A group may be called like one: the shortest owner has it.
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

    /// The hub whose channel this is.
    private static func owner(of name: String, among hubs: Set<String>) -> String? {
        guard !hubs.isEmpty else { return nil }
        // Each colon may be the one behind the hub's name.
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
