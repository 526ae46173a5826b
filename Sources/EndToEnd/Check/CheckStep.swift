/// What the check proves, in the order in which it does.
public enum CheckStep: String, CaseIterable, Sendable, Encodable {
    /// Every client gets its first frame, which has gone through Redis.
    case connect
    /// Every client receives every broadcast once and in order.
    case broadcast
    /// Members of a group, and only they, receive its messages.
    case groups
    /// Every client of a user, and no other, receives a message to that user.
    case users
    /// Everybody but the caller.
    case others
    /// What a method returns arrives unchanged.
    case results
    /// A HubException's text arrives, and is marked as one.
    case errors
    /// Progress reports arrive in order.
    case progress
    /// A client whose transport was lost receives what was sent meanwhile.
    case reconnect
    /// A client that reconnects to another node misses nothing and keeps its groups.
    case otherNode

    /// In the table.
    public var title: String { self == .otherNode ? "other node" : rawValue }
}
