/// What a Redis channel of a hub is for, few enough to be a metric label.
///
/// Source: `Internal/RedisChannels.cs` of Microsoft.AspNetCore.SignalR.StackExchangeRedis.
package enum CoreKind: UInt8, CaseIterable, Sendable {
    case all
    case group
    case user
    case connection
    case groupCommand
    case ack
    /// A client's answer to a call that waits for its result.
    case result

    /// Stable snake_case name, for the `kind` label of metrics.
    package var label: String {
        switch self {
        case .all: "all"
        case .group: "group"
        case .user: "user"
        case .connection: "connection"
        case .groupCommand: "group_command"
        case .ack: "ack"
        case .result: "result"
        }
    }

    /// The text after the hub's root; a name follows if it ends with a colon.
    package var infix: StaticString {
        switch self {
        case .all: ":all"
        case .group: ":group:"
        case .user: ":user:"
        case .connection: ":connection:"
        case .groupCommand: ":internal:groups"
        case .ack: ":internal:ack:"
        case .result: ":internal:return:"
        }
    }

    /// Whether a name follows: of the group, user, connection or server.
    package var isNamed: Bool {
        switch self {
        case .all, .groupCommand: false
        case .group, .user, .connection, .ack, .result: true
        }
    }
}
