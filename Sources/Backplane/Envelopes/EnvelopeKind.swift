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

    /// The kind of a message of SignalR 2.
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

    /// The kind of a channel of ASP.NET Core.
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

    /// Stable snake_case name, for the `kind` label of metrics: that of the kind on its own wire.
    package var label: String { Self.labels[Int(rawValue)] }

    private static let labels: [String] = {
        var labels = [String](repeating: "", count: allCases.count)
        for kind in MessageKind.allCases { labels[Int(Self(kind).rawValue)] = kind.label }
        for kind in CoreKind.allCases { labels[Int(Self(kind).rawValue)] = kind.label }
        return labels
    }()
}
