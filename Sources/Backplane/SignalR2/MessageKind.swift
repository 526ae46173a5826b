/// The purpose of a message; few values, suitable as a metric label.
package enum MessageKind: UInt8, CaseIterable, Sendable {
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
        }
    }

    /// An ack is recognized first, whatever its key; a command by its command id; the rest by the key's prefix, exactly
    /// as in `Signal`.
    init(key: UnsafeRawBufferPointer, isCommand: Bool, isAck: Bool) {
        // Compare lengths first: comparing bytes is slow, and few keys have this length.
        if isAck || (key.count == Signal.serverKey.utf8.count && key.elementsEqual(Signal.serverKey.utf8)) {
            self = .ack
        } else if isCommand {
            self = .command
        } else {
            self.init(prefixOf: key)
        }
    }

    private init(prefixOf key: UnsafeRawBufferPointer) {
        guard key.count >= 2 else {
            self = .other
            return
        }
        let dash = UInt8(ascii: "-")
        let third = key.count > 2 ? key[2] : 0
        switch (key[0], key[1]) {
        case (UInt8(ascii: "h"), dash): self = .hub
        case (UInt8(ascii: "c"), dash): self = .connection
        case (UInt8(ascii: "h"), UInt8(ascii: "g")) where third == dash: self.init(.group, ifQualified: key)
        case (UInt8(ascii: "h"), UInt8(ascii: "c")) where third == dash: self.init(.client, ifQualified: key)
        case (UInt8(ascii: "h"), UInt8(ascii: "u")) where third == dash: self.init(.user, ifQualified: key)
        case (UInt8(ascii: "p"), UInt8(ascii: "c")) where third == dash: self = .persistentConnection
        case (UInt8(ascii: "p"), UInt8(ascii: "c"))
        where third == UInt8(ascii: "g") && key.count > 3 && key[3] == dash:
            self.init(.persistentConnectionGroup, ifQualified: key)
        default: self = .other
        }
    }

    /// A two-part key needs the `.` between its parts; without it there is no recipient.
    private init(_ kind: MessageKind, ifQualified key: UnsafeRawBufferPointer) {
        self = key.contains(UInt8(ascii: ".")) ? kind : .other
    }
}
