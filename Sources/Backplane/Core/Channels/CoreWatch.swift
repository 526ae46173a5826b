/// The subscriptions needed to watch a hub, and the ACL they require.
///
/// Watching is not neutral: a node that asks a connection for a result treats the subscriber count returned by PUBLISH
/// as proof that the connection exists. By default nothing here matches a connection's channel.
package struct CoreWatch: Equatable, Sendable {
    /// For SUBSCRIBE.
    package let channels: [[UInt8]]
    /// For PSUBSCRIBE. Each pattern adds cost to every PUBLISH on this Redis.
    package var patterns: [[UInt8]] { beginnings.map(\.pattern) }
    /// Each pattern with the start of the intended channels: a pattern may match other channels too.
    package let beginnings: [Beginning]

    /// A pattern, and what it is meant to match.
    package struct Beginning: Equatable, Sendable {
        /// The start of the intended channels, not escaped.
        package let beginning: [UInt8]
        /// The escaped ``beginning`` followed by `*`.
        package let pattern: [UInt8]
    }

    /// - Parameter connections: also watch messages to single connections, and calls that wait for a result. This
    ///   changes the reply of PUBLISH: such a call to a disconnected client then waits until it is cancelled.
    package init(_ hub: CoreHub, connections: Bool = false) {
        channels = [hub.channel(.all, []), hub.channel(.groupCommand, [])]
        let kinds: [CoreKind] = [.ack, .result, .group, .user] + (connections ? [.connection] : [])
        beginnings = kinds.map { kind in
            let beginning = hub.root + Array(kind.infixBytes)
            return Beginning(beginning: beginning, pattern: RedisGlob.escaped(beginning) + [UInt8(ascii: "*")])
        }
    }

    /// The text after `&` in an ACL. Redis compares a PSUBSCRIBE pattern byte for byte, so a wider ACL pattern does not
    /// permit it.
    package var aclPatterns: [[UInt8]] { channels.map { RedisGlob.escaped($0) } + patterns }

    /// The channel rules of an ACL, to follow `resetchannels`: `&Chat:all &Chat:internal:groups ...`.
    package var aclRules: String {
        aclPatterns.map { "&" + String(decoding: $0, as: UTF8.self) }.joined(separator: " ")
    }

    /// Whether patterns of the first hub match channels of the other: these begin like its group, user, ack or result
    /// channels, as do those of `Chat:group`, or of a hub with the prefix `Chat:group:`, with `Chat`.
    ///
    /// - Parameter connections: whether messages to single connections are watched.
    package static func covers(_ hub: CoreHub, _ other: CoreHub, connections: Bool = false) -> Bool {
        guard hub != other else { return false }
        let candidates: [CoreKind] = [.group, .user, .ack, .result] + (connections ? [.connection] : [])
        return candidates.contains { kind in
            let beginning = hub.root + Array(kind.infixBytes)
            return (other.root + [UInt8(ascii: ":")]).starts(with: beginning)
        }
    }
}

/// Redis' glob patterns, for PSUBSCRIBE, PUBSUB CHANNELS and ACLs.
package enum RedisGlob {
    /// A pattern that matches this text.
    ///
    /// Special characters are escaped. White space and NUL become `?`: an ACL must contain a PSUBSCRIBE pattern
    /// literally, Redis rejects ACLs with white space, and the names of generic hubs contain spaces. Quotes become `?`
    /// too, because redis-cli and ACL files read them as the start of a quoted word.
    package static func escaped(_ text: some Sequence<UInt8>) -> [UInt8] {
        var pattern: [UInt8] = []
        for byte in text {
            switch byte {
            case UInt8(ascii: "*"), UInt8(ascii: "?"), UInt8(ascii: "["), UInt8(ascii: "]"), UInt8(ascii: "\\"):
                pattern.append(UInt8(ascii: "\\"))
                pattern.append(byte)
            case 0x00, 0x09...0x0D, 0x20, UInt8(ascii: "\""), UInt8(ascii: "'"): pattern.append(UInt8(ascii: "?"))
            default: pattern.append(byte)
            }
        }
        return pattern
    }
}
