/// Whom an erasure concerns, by what stands in a capture of them.
package struct ErasedPerson: Sendable, Equatable {
    /// Names of users and ids of connections, as they are and as a capture may have them hashed. SignalR 2 compares them
    /// without case, ASP.NET Core byte for byte.
    package var users: [String]
    package var connections: [String]
    /// Texts anywhere in an envelope, as they are or as JSON escapes them.
    package var texts: [String]

    package init(users: [String] = [], connections: [String] = [], texts: [String] = []) {
        self.users = users
        self.connections = connections
        self.texts = texts
    }
}

/// What an erasure took out, by what it was. A stable snake_case name each.
package enum ErasedPart: String, Sendable, CaseIterable {
    /// To the user.
    case user
    /// To the connection.
    case connection
    /// Sent by the connection.
    case sent
    /// The connection joins or leaves a group, or a client result is asked of it.
    case command
    /// The answer to such a command or call.
    case answer
    /// It has a text that was asked for.
    case matching
    /// It does not decode, and a name is in its bytes.
    case undecodable
    /// The connection or user among those that do not get it: the name was replaced, the envelope stays.
    case excluded

    /// For people.
    package var text: String {
        switch self {
        case .user: "to the user"
        case .connection: "to the connection"
        case .sent: "sent by the connection"
        case .command: "commands about the connection"
        case .answer: "answers to them"
        case .matching: "with the text"
        case .undecodable: "undecodable, with the name in them"
        case .excluded: "that exclude the connection or user (name replaced)"
        }
    }
}
