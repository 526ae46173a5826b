/// A hub on the backplane. Its channels begin with the `ChannelPrefix` of StackExchange.Redis, directly followed by
/// the full .NET type name of the hub's class.
///
/// Source: `RedisHubLifetimeManager.cs` (the prefix) and `Internal/RedisChannels.cs`
/// of Microsoft.AspNetCore.SignalR.StackExchangeRedis.
package struct CoreHub: Hashable, Sendable {
    /// Empty by default.
    package let prefix: String
    /// `Chat.Hubs.ChatHub`, ``Chat.Hubs.RoomHub`1[[System.Int32, ...]]``; never the URL's path.
    package let type: String
    /// Prefix and type as UTF-8: the start of each of the hub's channels.
    package let root: [UInt8]

    /// - Parameter type: not empty.
    package init(prefix: String = "", type: String) {
        self.prefix = prefix
        self.type = type
        root = Array(prefix.utf8) + Array(type.utf8)
    }

    /// - Parameters:
    ///   - root: prefix and type together.
    ///   - prefix: the known prefix.
    /// - Returns: nil if the root does not begin with the prefix, or nothing follows it.
    package init?(root: [UInt8], prefix: String) {
        let prefixBytes = Array(prefix.utf8)
        guard root.starts(with: prefixBytes), root.count > prefixBytes.count else { return nil }
        self.prefix = prefix
        type = String(decoding: root[prefixBytes.count...], as: UTF8.self)
        self.root = root
    }

    /// Compares bytes. Two hubs with the same channels are different if prefix and type are divided differently.
    package static func == (first: CoreHub, second: CoreHub) -> Bool {
        first.root == second.root && first.prefix.utf8.elementsEqual(second.prefix.utf8)
    }

    package func hash(into hasher: inout Hasher) { hasher.combine(root) }

    /// Prefix and type: the topic of captures, the `channel` of metrics.
    package var topic: String { String(decoding: root, as: UTF8.self) }

    /// Whether the type can be a .NET type name. These contain no `:`, which would look like the end of the type.
    package var hasPlausibleType: Bool { !type.utf8.contains(UInt8(ascii: ":")) }

    /// The type without assembly versions. Hubs that differ only in these do not receive each other's messages:
    /// ``RoomHub`1[[System.Int32, ..., Version=8.0.0.0, ...]]`` on .NET 8 has `Version=9.0.0.0` on .NET 9.
    package var typeWithoutVersions: String {
        let key = "Version="
        var parts = type.split(separator: key, omittingEmptySubsequences: false).map { String($0) }
        for index in parts.indices.dropFirst() {
            parts[index] = String(parts[index].drop { $0 != "," && $0 != "]" })
        }
        return parts.joined(separator: key)
    }

    // MARK: - Channels

    /// The Redis channel of a kind.
    ///
    /// - Parameter name: the group, user, connection or server; ignored for kinds without a name.
    package func channel(_ kind: CoreKind, _ name: some Collection<UInt8>) -> [UInt8] {
        var channel = root
        channel.reserveCapacity(root.count + kind.infix.utf8CodeUnitCount + name.count)
        channel.append(contentsOf: kind.infixBytes)
        if kind.isNamed { channel.append(contentsOf: name) }
        return channel
    }

    /// The same as text.
    package func channel(_ kind: CoreKind, _ name: String = "") -> String {
        String(decoding: channel(kind, Array(name.utf8)), as: UTF8.self)
    }

    /// Parses a channel from the left.
    ///
    /// - Returns: nil if it is not a channel of this hub.
    package func parse(_ channel: UnsafeRawBufferPointer) -> CoreChannelName? {
        guard begins(channel) else { return nil }
        return CoreChannelName(channel, rootCount: root.count)
    }

    func begins(_ channel: UnsafeRawBufferPointer) -> Bool {
        guard channel.count > root.count else { return false }
        return root.withUnsafeBytes { root in
            for index in 0..<root.count where channel[index] != root[index] { return false }
            return true
        }
    }
}

extension CoreKind {
    var infixBytes: UnsafeBufferPointer<UInt8> {
        UnsafeBufferPointer(start: infix.utf8Start, count: infix.utf8CodeUnitCount)
    }
}

/// Hubs that are watched together; finds the hub of a channel.
package struct CoreHubSet: Sendable {
    /// Longest root first: if one root is a prefix of another hub's channel, the longer root is the right one.
    package let hubs: [CoreHub]

    /// - Parameter hubs: in any order; duplicates are dropped.
    package init(_ hubs: some Sequence<CoreHub>) {
        self.hubs = Set(hubs).sorted { first, second in
            first.root.count == second.root.count
                ? first.root.lexicographicallyPrecedes(second.root) : first.root.count > second.root.count
        }
    }

    /// - Returns: nil if it is not a channel of any of the hubs.
    package func parse(_ channel: UnsafeRawBufferPointer) -> (hub: CoreHub, name: CoreChannelName)? {
        for hub in hubs {
            if let name = hub.parse(channel) { return (hub, name) }
        }
        return nil
    }
}

/// Finds hubs by the channel that each node of a hub subscribes to, `<root>:internal:groups`.
package enum CoreDiscovery {
    /// The pattern for `PUBSUB CHANNELS`.
    package static func pattern(prefix: String) -> [UInt8] {
        RedisGlob.escaped(Array(prefix.utf8)) + Array("*".utf8) + CoreKind.groupCommand.infixBytes
    }

    /// - Returns: prefix and type together; nil for any other channel.
    package static func root(ofGroupsChannel channel: some BidirectionalCollection<UInt8>) -> [UInt8]? {
        let infix = CoreKind.groupCommand.infixBytes
        guard channel.count > infix.count, channel.suffix(infix.count).elementsEqual(infix) else { return nil }
        return Array(channel.dropLast(infix.count))
    }

    /// The hubs among the output of `PUBSUB CHANNELS`.
    ///
    /// A group, user or connection whose name ends in `:internal:groups` looks like a hub. It is not one if it can be
    /// parsed as a channel of another hub.
    package static func hubs(in channels: [[UInt8]], prefix: String) -> [CoreHub] {
        let roots = Set(channels.compactMap { root(ofGroupsChannel: $0) })
        return
            roots
            .filter { root in !isName(root, of: roots) }
            .compactMap { CoreHub(root: $0, prefix: prefix) }
            .sorted { $0.root.lexicographicallyPrecedes($1.root) }
    }

    /// Hubs left out by ``hubs(in:prefix:)``: their channels can be read as groups or users of another hub.
    package static func covered(in channels: [[UInt8]], prefix: String) -> [CoreHub] {
        let roots = Set(channels.compactMap { root(ofGroupsChannel: $0) })
        return roots.filter { isName($0, of: roots) }.compactMap { CoreHub(root: $0, prefix: prefix) }
            .sorted { $0.root.lexicographicallyPrecedes($1.root) }
    }

    /// Whether `<root>:internal:groups` can be read as a named channel of another root.
    private static func isName(_ root: [UInt8], of roots: Set<[UInt8]>) -> Bool {
        (root + Array(CoreKind.groupCommand.infixBytes)).withUnsafeBytes { channel in
            (1..<root.count).contains { end in
                channel[end] == UInt8(ascii: ":") && CoreChannelName(channel, rootCount: end)?.kind.isNamed == true
                    && roots.contains(Array(root[..<end]))
            }
        }
    }
}

/// Counts nodes by the channel that each node subscribes to for each hub, `<root>:internal:ack:<server>`.
package enum CoreNodes {
    /// The pattern for `PUBSUB CHANNELS`.
    package static func pattern(prefix: String) -> [UInt8] {
        RedisGlob.escaped(Array(prefix.utf8)) + Array("*".utf8) + CoreKind.ack.infixBytes + Array("*".utf8)
    }

    /// - Parameters:
    ///   - channels: the output of `PUBSUB CHANNELS`.
    ///   - hubs: whose nodes to count.
    /// - Returns: the number of nodes of each hub, in the order of `hubs`.
    package static func count(_ channels: [[UInt8]], of hubs: [CoreHub]) -> [Int] {
        var nodes: [ArraySlice<UInt8>: Int] = [:]
        for channel in channels {
            guard let root = root(channel) else { continue }
            // A relay subscribes to such a channel for the acks of its pings.
            guard !CorePing.isSender(channel[(root.count + CoreKind.ack.infixBytes.count)...]) else { continue }
            nodes[root, default: 0] += 1
        }
        return hubs.map { nodes[$0.root[...]] ?? 0 }
    }

    /// A server name has no colon, so the last colon of the channel ends the infix.
    private static func root(_ channel: [UInt8]) -> ArraySlice<UInt8>? {
        let infix = CoreKind.ack.infixBytes
        guard let colon = channel.lastIndex(of: UInt8(ascii: ":")), colon + 1 < channel.count else { return nil }
        let beginning = channel[...colon]
        guard beginning.count > infix.count, beginning.suffix(infix.count).elementsEqual(infix) else { return nil }
        return beginning.dropLast(infix.count)
    }
}
