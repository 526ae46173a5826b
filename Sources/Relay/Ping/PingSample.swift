import Backplane

/// Chooses which of the known connections are pinged next. Decision logic without I/O.
struct PingSample: Sendable {
    /// Maximum number of pinged connections per hub and round. The connections of a hub are spread over its nodes, so
    /// small rounds eventually reach every node. They avoid bursts: each node of the hub receives each command.
    static let connections = 8
    /// Maximum number of pinged connections of all hubs per round.
    static let connectionsARound = 100
    /// Above this number of channels, Redis is asked for some of the names only.
    static let manyChannels = 2_000
    /// The characters of connection ids (base64url).
    private static let characters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)

    private let prefix: String
    /// The channels of the known connections, from the last usable answer of Redis.
    private var channels: [[UInt8]] = []
    private var isNarrow = false

    /// - Parameter prefix: the hubs' `ChannelPrefix`.
    init(prefix: String) {
        self.prefix = prefix
    }

    /// The pattern for `PUBSUB CHANNELS`: all connections, or if there are many, those whose ids begin with a random
    /// character.
    func pattern(using generator: inout some RandomNumberGenerator) -> [UInt8] {
        let first = isNarrow ? Self.characters.randomElement(using: &generator) : nil
        return RedisGlob.escaped(Array(prefix.utf8)) + Array("*:connection:".utf8) + (first.map { [$0] } ?? [])
            + Array("*".utf8)
    }

    /// Stores the channels in an answer of Redis.
    mutating func found(_ names: [[UInt8]]) {
        if !isNarrow {
            isNarrow = names.count > Self.manyChannels
            channels = names
        } else if names.count > Self.manyChannels / Self.characters.count / 2 {
            channels = names
        } else {
            // Few connections are left, or few begin with this character: the next query asks for all.
            isNarrow = false
        }
    }

    /// - Parameter hubs: the watched hubs.
    /// - Returns: distinct connections of each hub, in random order.
    func choose(
        of hubs: [CoreHub], using generator: inout some RandomNumberGenerator
    ) -> [(hub: CoreHub, connection: String)] {
        var indexes: [ArraySlice<UInt8>: Int] = [:]
        for (index, hub) in hubs.enumerated() { indexes[hub.root[...]] = index }
        var connections = hubs.map { _ in [ArraySlice<UInt8>]() }
        for channel in channels {
            if let (index, id) = Self.connection(channel, indexes) { connections[index].append(id) }
        }
        var chosen: [(hub: CoreHub, connection: String)] = []
        // In random order, so that each of very many hubs is pinged eventually.
        for index in hubs.indices.shuffled(using: &generator) {
            let some = connections[index].shuffled(using: &generator).prefix(Self.connections)
            for id in some.prefix(Self.connectionsARound - chosen.count) {
                chosen.append((hubs[index], String(decoding: id, as: UTF8.self)))
            }
        }
        return chosen
    }

    /// Parses from the left, because a group may be named like a connection's channel.
    private static func connection(
        _ channel: [UInt8], _ indexes: [ArraySlice<UInt8>: Int]
    ) -> (index: Int, id: ArraySlice<UInt8>)? {
        let infix = Array(":connection:".utf8)
        for colon in channel.indices where channel[colon] == infix[0] {
            guard let index = indexes[channel[..<colon]] else { continue }
            let rest = channel[colon...]
            return rest.starts(with: infix) && rest.count > infix.count ? (index, rest.dropFirst(infix.count)) : nil
        }
        return nil
    }
}
