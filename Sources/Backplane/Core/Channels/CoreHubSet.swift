/// Hubs that are watched together; finds the hub of a channel.
package struct CoreHubSet: Sendable {
    /// Longest root first: if one root is a prefix of another hub's channel, the longer root is the right one.
    package let hubs: [CoreHub]

    /// Those that channels are compared with.
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
