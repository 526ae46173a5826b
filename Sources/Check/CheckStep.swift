/// What the check proves, in the order in which it does.
package enum CheckStep: String, CaseIterable, Sendable, Encodable {
    /// Every client gets its first frame, which has gone through Redis.
    case connect
    /// What running nodes publish is on the channel that was named, and so behind the counter that is read.
    case backplane
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
    package var title: String { self == .otherNode ? "other node" : rawValue }

    /// What is not proven if the step could not be carried out.
    var proof: String {
        switch self {
        case .connect: "that every client hears the backplane"
        case .backplane: "that the nodes publish on this channel"
        case .broadcast: "that every client receives every broadcast"
        case .groups: "that members of a group, and only they, receive its messages"
        case .users: "that every client of a user, and no other, receives the user's messages"
        case .others: "that everybody but the caller receives a message to others"
        case .results: "that results arrive unchanged"
        case .errors: "that errors arrive"
        case .progress: "that progress reports arrive in order"
        case .reconnect: "that a client whose transport was lost receives what was sent meanwhile"
        case .otherNode: "that a client that reconnects to another node misses nothing and keeps its groups"
        }
    }
}
