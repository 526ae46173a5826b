import NIOCore

/// One client's connection as the node knows it, across its transports: who it is, what it listens to, and what waits
/// for it. Lives in the broker.
final class Session {
    struct Membership {
        /// As it stands in the groups token: `Hub.group`.
        let name: String
        /// The envelope that brought it: messages before it are not for this client.
        let since: UInt64
    }

    let connectionID: String
    let user: String
    /// Folded keys that every connection of its kind listens to: hubs, user, connection.
    let signals: [String]
    /// By folded key.
    var groups: [String: Membership] = [:]
    var outbox: Outbox
    var outlet: Outlet?
    /// Whether something is written that is not flushed.
    var isUnflushed = false
    /// What waited when the client came back: it may be more than the limit, since it is there already.
    var resumedMessages = 0
    var resumedBytes = 0
    /// Whether the Initializing command has come: nothing goes out before.
    var isInitialized: Bool
    /// When the Initializing command was published.
    var initializingSince: NIODeadline?
    /// Whether a frame has gone out since the counter was last set back: only then do a client's cursor and the ids that
    /// wait for it speak of the same count.
    var hasCurrentCursor = true
    var isAskedToReconnect = false
    var transport: TransportKind
    /// When something last went out, or the last transport ended.
    var lastActive: NIODeadline

    init(request: SessionRequest, cursor: UInt64, now: NIODeadline) {
        connectionID = request.connectionID
        user = request.user
        signals = request.signals
        transport = request.transport
        outbox = Outbox(cursor: cursor)
        isInitialized = request.purpose != .connect
        lastActive = now
    }

    /// Whether a message with this folded key and id is for this client.
    func listens(to key: String, id: UInt64) -> Bool {
        if let membership = groups[key] { return id > membership.since }
        return signals.contains(key)
    }

    func isExcluded(by keys: [String]) -> Bool {
        keys.contains { signals.contains($0) || groups[$0] != nil }
    }

    /// `Hub.group` of each, in a fixed order.
    var groupNames: [String] {
        groups.values.map(\.name).sorted()
    }
}
