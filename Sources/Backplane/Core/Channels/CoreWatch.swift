/// What to subscribe in order to see a hub, and what an ACL must hold for that.
///
/// To watch is not neutral: a node that asks a connection for a result takes the number of subscribers that PUBLISH
/// answers for proof that the connection is there. By default nothing here matches a connection's channel.
package struct CoreWatch: Equatable, Sendable {
    /// For SUBSCRIBE.
    package let channels: [[UInt8]]
    /// For PSUBSCRIBE. Each PUBLISH to any channel of this Redis pays for each of them.
    package var patterns: [[UInt8]] { beginnings.map(\.pattern) }
    /// Each pattern, and what the channels begin with that are meant by it: it may match others too.
    package let beginnings: [Beginning]

    package struct Beginning: Equatable, Sendable {
        package let beginning: [UInt8]
        package let pattern: [UInt8]
    }

    /// - Parameter connections: also sends to single connections, and calls that wait for a result. Changes what
    ///   PUBLISH answers: such a call to a connection that is gone then waits until it is cancelled.
    package init(_ hub: CoreHub, connections: Bool = false) {
        channels = [hub.channel(.all, []), hub.channel(.groupCommand, [])]
        let kinds: [CoreKind] = [.ack, .result, .group, .user] + (connections ? [.connection] : [])
        beginnings = kinds.map { kind in
            let beginning = hub.root + Array(kind.infixBytes)
            return Beginning(beginning: beginning, pattern: RedisGlob.escaped(beginning) + [UInt8(ascii: "*")])
        }
    }

    /// What follows `&` in an ACL. For a pattern Redis compares byte for byte, so that a wider one does not allow it.
    package var aclPatterns: [[UInt8]] { channels.map { RedisGlob.escaped($0) } + patterns }

    /// The channel rules of an ACL, to be put behind `resetchannels`: `&Chat:all &Chat:internal:groups ...`.
    package var aclRules: String {
        aclPatterns.map { "&" + String(decoding: $0, as: UTF8.self) }.joined(separator: " ")
    }

    /// Whether patterns of the one hub match channels of the other: its prefix and type are the beginning of the
    /// other's group, user, ack or result channels, as `Chat` beside the prefix `Chat:group:`.
    package static func covers(_ hub: CoreHub, _ other: CoreHub) -> Bool {
        guard hub != other else { return false }
        let candidates: [CoreKind] = [.group, .user, .ack, .result]
        return candidates.contains { kind in
            let beginning = hub.root + Array(kind.infixBytes)
            return (other.root + [UInt8(ascii: ":")]).starts(with: beginning)
        }
    }
}
