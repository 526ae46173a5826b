/// A hub on the backplane: the `ChannelPrefix` of StackExchange.Redis and the full .NET type name of the hub's class,
/// one behind the other with nothing between them.
///
/// Source: `RedisHubLifetimeManager.cs` (the prefix) and `Internal/RedisChannels.cs`
/// of Microsoft.AspNetCore.SignalR.StackExchangeRedis.
package struct CoreHub: Hashable, Sendable {
    /// Empty by default.
    package let prefix: String
    /// `Chat.Hubs.ChatHub`, ``Chat.Hubs.RoomHub`1[[System.Int32, ...]]``; never the URL's path.
    package let type: String
    /// Both as UTF-8: the start of each of the hub's channels.
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

    package static func == (first: CoreHub, second: CoreHub) -> Bool {
        first.root == second.root && first.prefix.utf8.elementsEqual(second.prefix.utf8)
    }

    package func hash(into hasher: inout Hasher) { hasher.combine(root) }

    /// Prefix and type: the topic of captures, the `channel` of metrics.
    package var topic: String { String(decoding: root, as: UTF8.self) }

    /// Whether the type is a possible .NET type name: otherwise a `:` in it could be taken for its end.
    package var hasPlausibleType: Bool { !type.utf8.contains(UInt8(ascii: ":")) }

    /// The type without assembly versions. Hubs that differ only in these do not receive each other's messages: nodes
    /// of one .NET version name ``RoomHub`1[[System.Int32, ..., Version=8.0.0.0, ...]]``, those of another 9.0.0.0.
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
