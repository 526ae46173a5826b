/// Counts nodes by the channel that each of them subscribes for each hub, `<root>:internal:ack:<server>`.
package enum CoreNodes {
    /// The pattern for `PUBSUB CHANNELS`.
    package static func pattern(prefix: String) -> [UInt8] {
        RedisGlob.escaped(Array(prefix.utf8)) + Array("*".utf8) + CoreKind.ack.infixBytes + Array("*".utf8)
    }

    /// - Parameters:
    ///   - channels: of `PUBSUB CHANNELS`.
    ///   - hubs: those that are counted.
    /// - Returns: the nodes of each hub, in the order of `hubs`.
    package static func count(_ channels: [[UInt8]], of hubs: [CoreHub]) -> [Int] {
        var nodes: [ArraySlice<UInt8>: Int] = [:]
        for channel in channels {
            if let root = root(channel) { nodes[root, default: 0] += 1 }
        }
        return hubs.map { nodes[$0.root[...]] ?? 0 }
    }

    /// A server has no colon in its name: the last one in the channel ends the infix.
    private static func root(_ channel: [UInt8]) -> ArraySlice<UInt8>? {
        let infix = CoreKind.ack.infixBytes
        guard let colon = channel.lastIndex(of: UInt8(ascii: ":")), colon + 1 < channel.count else { return nil }
        let beginning = channel[...colon]
        guard beginning.count > infix.count, beginning.suffix(infix.count).elementsEqual(infix) else { return nil }
        return beginning.dropLast(infix.count)
    }
}
