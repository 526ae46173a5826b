package import Backplane

/// Hubs that are easily confused because of their names: by an application, whose nodes then do not share messages, or
/// by the patterns of a relay.
package struct HubNeighbours: Sendable {
    /// Maximum number of sentences: ten examples are enough to find the cause.
    private static let most = 10

    private let prefix: String
    private let connections: Bool

    /// - Parameters:
    ///   - prefix: the channel prefix of the watched hubs.
    ///   - connections: whether messages to single connections are watched.
    package init(prefix: String, connections: Bool = false) {
        self.prefix = prefix
        self.connections = connections
    }

    /// Hubs that look like the same hub to an application, but whose nodes do not share messages.
    ///
    /// - Parameters:
    ///   - watched: the watched hubs.
    ///   - others: hubs of the same Redis that are not watched, as far as known.
    /// - Returns: a sentence that names both hubs for each pair; the first ten.
    package func strangers(watched: [CoreHub], others: [CoreHub]) -> [String] {
        var sentences: [String] = []
        var told: Set<Set<[UInt8]>> = []
        // Roots of watched hubs read with other prefixes are not other hubs.
        for hub in watched {
            for other in watched + others where other.root != hub.root && sentences.count < Self.most {
                guard let sentence = difference(hub, other), told.insert([hub.root, other.root]).inserted else {
                    continue
                }
                sentences.append(sentence)
            }
        }
        return sentences
    }

    /// Hubs whose channels are matched by patterns of watched hubs. A hub with the watched prefix is not found then,
    /// because its channels are read as groups or users of the other.
    ///
    /// - Returns: like ``strangers(watched:others:)``.
    package func covered(watched: [CoreHub], others: [CoreHub]) -> [String] {
        var sentences: [String] = []
        for inner in others where Self.mayBeCovered(inner) {
            for outer in watched where sentences.count < Self.most && covers(outer, inner) {
                sentences.append(
                    "patterns of the hub \(Self.name(outer)) match channels of the hub \(Self.name(inner)): messages of the second hub are attributed to the first; give the second application a channel prefix that does not begin with '\(outer.topic):'"
                )
            }
        }
        return sentences
    }

    private func covers(_ outer: CoreHub, _ inner: CoreHub) -> Bool {
        CoreWatch.covers(outer, inner, connections: connections)
    }

    /// A fast check, because there may be many hubs. A topic may end where the name of a group would begin.
    static func mayBeCovered(_ hub: CoreHub) -> Bool {
        let channels = hub.topic + ":"
        return [":group:", ":user:", ":connection:", ":internal:"].contains { channels.contains($0) }
    }

    /// The difference between two hubs that look like one; nil if they do not.
    private func difference(_ hub: CoreHub, _ other: CoreHub) -> String? {
        // The prefix of another hub is a guess.
        let sibling = CoreHub(root: other.root, prefix: prefix).flatMap { $0.hasPlausibleType ? $0 : nil }
        if let sibling, !sibling.type.isSameOrdinally(as: hub.type),
            sibling.typeWithoutVersions.isSameOrdinally(as: hub.typeWithoutVersions)
        {
            return
                "the hubs \(Self.name(hub)) and \(Self.name(sibling)) differ only in the versions of .NET: their nodes do not share messages, so clients of one miss what the other sends"
        }
        let type = Array(hub.type.utf8)
        guard other.root.count >= type.count, other.root.suffix(type.count).elementsEqual(type) else { return nil }
        let otherPrefix = String(decoding: other.root.dropLast(type.count), as: UTF8.self)
        // `ChatHub` and `GroupChatHub` are two types.
        guard sibling == nil || hub.type.contains(".") else { return nil }
        // A longer type of the same prefix, such as `My.Chat.Hubs.ChatHub`.
        if let last = otherPrefix.last, last == "." || last == "+" { return nil }
        return
            "the hub '\(hub.type)' has nodes with the channel prefix '\(hub.prefix)' and others with '\(otherPrefix)': they do not share messages; only the former are watched"
    }

    static func name(_ hub: CoreHub) -> String {
        hub.prefix.isEmpty ? "'\(hub.type)'" : "'\(hub.type)' with the channel prefix '\(hub.prefix)'"
    }
}
