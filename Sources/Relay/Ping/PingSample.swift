import Backplane

/// Which of the connections that are known are pinged next. Decision logic without I/O.
struct PingSample: Sendable {
    /// Connections of one hub that are pinged in each round. The connections of a hub spread over its nodes, so that
    /// rounds of few reach them all, and no round is a burst: each node of the hub gets each command.
    static let connections = 8
    /// Connections of all hubs together in a round.
    static let connectionsARound = 100
    /// Above this number, Redis is asked for a part of the names only.
    static let manyChannels = 2_000
    /// Characters of a connection's id (base64url).
    private static let characters = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_".utf8)

    private let prefix: String
    /// The channels of connections that are known: of the last answer that had any.
    private var channels: [[UInt8]] = []
    private var isNarrow = false

    /// - Parameter prefix: the hubs' `ChannelPrefix`.
    init(prefix: String) {
        self.prefix = prefix
    }

    /// For `PUBSUB CHANNELS`: all connections, or where they are many those whose ids begin with a random character.
    func pattern(using generator: inout some RandomNumberGenerator) -> [UInt8] {
        let first = isNarrow ? Self.characters.randomElement(using: &generator) : nil
        return RedisGlob.escaped(Array(prefix.utf8)) + Array("*:connection:".utf8) + (first.map { [$0] } ?? [])
            + Array("*".utf8)
    }

    /// Redis has answered.
    mutating func found(_ names: [[UInt8]]) {
        if !isNarrow {
            isNarrow = names.count > Self.manyChannels
            channels = names
        } else if names.count > Self.manyChannels / Self.characters.count / 2 {
            channels = names
        } else {
            // Few are left, or few have this character: all are asked for next time.
            isNarrow = false
        }
    }

    /// - Parameter hubs: those that are watched.
    /// - Returns: by hub, different connections in random order.
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
        // In another order each time, so that with very many hubs each has its turn.
        for index in hubs.indices.shuffled(using: &generator) {
            let some = connections[index].shuffled(using: &generator).prefix(Self.connections)
            for id in some.prefix(Self.connectionsARound - chosen.count) {
                chosen.append((hubs[index], String(decoding: id, as: UTF8.self)))
            }
        }
        return chosen
    }

    /// Parsed from the left: a group may be named like a connection's channel.
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
