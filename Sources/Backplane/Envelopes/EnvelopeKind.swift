/// The purpose of a message on either backplane. Few values, suitable as a metric label.
package enum EnvelopeKind: UInt8, CaseIterable, Sendable {
    // SignalR 2; some are shared.
    case hub
    case client
    case group
    case user
    case connection
    case persistentConnection
    case persistentConnectionGroup
    case command
    case ack
    case other
    // ASP.NET Core only.
    case all
    case groupCommand
    case result

    package init(_ kind: MessageKind) {
        switch kind {
        case .hub: self = .hub
        case .client: self = .client
        case .group: self = .group
        case .user: self = .user
        case .connection: self = .connection
        case .persistentConnection: self = .persistentConnection
        case .persistentConnectionGroup: self = .persistentConnectionGroup
        case .command: self = .command
        case .ack: self = .ack
        case .other: self = .other
        }
    }

    package init(_ kind: CoreKind) {
        switch kind {
        case .all: self = .all
        case .group: self = .group
        case .user: self = .user
        case .connection: self = .connection
        case .groupCommand: self = .groupCommand
        case .ack: self = .ack
        case .result: self = .result
        }
    }

    /// Stable snake_case name, for the `kind` label of metrics.
    package var label: String {
        switch self {
        case .hub: "hub"
        case .client: "client"
        case .group: "group"
        case .user: "user"
        case .connection: "connection"
        case .persistentConnection: "persistent_connection"
        case .persistentConnectionGroup: "persistent_connection_group"
        case .command: "command"
        case .ack: "ack"
        case .other: "other"
        case .all: "all"
        case .groupCommand: "group_command"
        case .result: "result"
        }
    }
}
