import Backplane

/// A client's wish for a transport, its tokens opened and checked.
struct SessionRequest: Sendable {
    enum Purpose: Sendable {
        /// A new connection, which an Initializing command must confirm.
        case connect
        /// A connection that goes on, here or from another node; also each further long poll.
        case resume
    }

    let purpose: Purpose
    let connectionID: String
    let user: String
    /// Names as registered.
    let hubs: [String]
    let transport: TransportKind
    /// What the client has; nil: it wants what comes from now on.
    let cursor: UInt64?
    /// From the groups token: `Hub.group` each.
    let groups: [String]

    /// The signals that the connection listens to, apart from groups.
    var signals: [SignalKey] {
        var signals: [Signal] = [.connection(connectionID)]
        for hub in hubs {
            signals.append(.hub(hub))
            signals.append(.client(hub: hub, connectionID: connectionID))
            if !user.isEmpty { signals.append(.user(hub: hub, userID: user)) }
        }
        return signals.map { SignalKey($0.key) }
    }
}
