/// One SignalR message, copied out of its envelope. Messages with the same bytes are equal.
///
/// Source: `Messaging/Message.cs` of SignalR 2.
package struct Message: Equatable, Sendable {
    /// The sender's connection id, or a GUID for a send by the server itself.
    package var source: String
    /// The signal's key: the recipients.
    package var key: String
    /// Any bytes; JSON for everything that SignalR itself sends, empty for an ack.
    package var value: [UInt8]
    /// Empty if this is not a command.
    package var commandID: String
    /// Whether the sender waits for an ack of its command.
    package var waitForAck: Bool
    /// Whether it is the ack of the command with its `commandID`.
    package var isAck: Bool
    /// Keys of the signals that are excluded, joined by `|`.
    package var filter: String

    /// The defaults give a message to clients without a filter.
    package init(
        source: String, key: String, value: [UInt8], commandID: String = "", waitForAck: Bool = false,
        isAck: Bool = false, filter: String = ""
    ) {
        self.source = source
        self.key = key
        self.value = value
        self.commandID = commandID
        self.waitForAck = waitForAck
        self.isAck = isAck
        self.filter = filter
    }

    /// Copies a message from its payload.
    package init(_ view: MessageView) {
        source = String(decoding: view.source, as: UTF8.self)
        key = String(decoding: view.key, as: UTF8.self)
        value = Array(view.value)
        commandID = String(decoding: view.commandID, as: UTF8.self)
        waitForAck = view.waitForAck
        isAck = view.isAck
        filter = String(decoding: view.filter, as: UTF8.self)
    }

    /// Compares bytes, not canonically equivalent text.
    package static func == (first: Message, second: Message) -> Bool {
        first.source.isSameOrdinally(as: second.source) && first.key.isSameOrdinally(as: second.key)
            && first.value == second.value && first.commandID.isSameOrdinally(as: second.commandID)
            && first.waitForAck == second.waitForAck && first.isAck == second.isAck
            && first.filter.isSameOrdinally(as: second.filter)
    }

    /// The parsed key.
    package var signal: Signal { Signal(key: key) }

    /// What it is for.
    package var kind: MessageKind {
        var key = key
        return key.withUTF8 { utf8 in
            MessageKind(key: UnsafeRawBufferPointer(utf8), isCommand: !commandID.isEmpty, isAck: isAck)
        }
    }
}

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

/// The recipients of a message: its key, parsed.
///
/// Names keep their case; nodes compare groups without it. Every key round-trips: `Signal(key: k).key == k`.
///
/// Source: `Infrastructure/PrefixHelper.cs` of SignalR 2.
package enum Signal: Equatable, Sendable {
    /// `h-<Hub>`: every client of the hub.
    case hub(String)
    /// `hc-<Hub>.<connection id>`: one client of the hub.
    case client(hub: String, connectionID: String)
    /// `hg-<Hub>.<group>`.
    case group(hub: String, group: String)
    /// `hu-<Hub>.<user id>`.
    case user(hub: String, userID: String)
    /// `c-<connection id>`: commands and progress for one connection.
    case connection(String)
    /// `pc-<TypeFullName>`: every client of a persistent connection class.
    case persistentConnection(type: String)
    /// `pcg-<TypeFullName>.<group>`: a group of a persistent connection class.
    case persistentConnectionGroup(type: String, group: String)
    /// `__SIGNALR__SERVER__`: acks between nodes.
    case ack
    /// Anything else, the whole key.
    case other(String)

    static let serverKey = "__SIGNALR__SERVER__"

    /// Hub names contain no `.`, so hub keys are split at the first one: groups and users may contain more. A full type
    /// name does contain dots, which makes `pcg-` keys ambiguous; they are split at the last `.`, correct for every
    /// group name without one.
    package init(key: String) {
        self = Self.parse(key) ?? .other(key)
    }

    /// Compares bytes, like Redis and nodes.
    package static func == (first: Signal, second: Signal) -> Bool { first.key.isSameOrdinally(as: second.key) }

    /// The key that addresses this signal.
    package var key: String {
        switch self {
        case .hub(let hub): "h-\(hub)"
        case .client(let hub, let connectionID): "hc-\(hub).\(connectionID)"
        case .group(let hub, let group): "hg-\(hub).\(group)"
        case .user(let hub, let userID): "hu-\(hub).\(userID)"
        case .connection(let id): "c-\(id)"
        case .persistentConnection(let type): "pc-\(type)"
        case .persistentConnectionGroup(let type, let group): "pcg-\(type).\(group)"
        case .ack: Self.serverKey
        case .other(let key): key
        }
    }

    private static func parse(_ key: String) -> Signal? {
        if key == serverKey { return .ack }
        // Over UTF-8, not characters: a combining mark after the dash or dot must not hide it.
        guard let dash = key.utf8.firstIndex(of: UInt8(ascii: "-")) else { return nil }
        let name = key[key.utf8.index(after: dash)...]
        switch key[..<dash] {
        case "h": return .hub(String(name))
        case "hc": return split(name, at: name.utf8.firstIndex).map { .client(hub: $0, connectionID: $1) }
        case "hg": return split(name, at: name.utf8.firstIndex).map { .group(hub: $0, group: $1) }
        case "hu": return split(name, at: name.utf8.firstIndex).map { .user(hub: $0, userID: $1) }
        case "c": return .connection(String(name))
        case "pc": return .persistentConnection(type: String(name))
        case "pcg":
            return split(name, at: name.utf8.lastIndex).map { .persistentConnectionGroup(type: $0, group: $1) }
        default: return nil
        }
    }

    private static func split(_ name: Substring, at find: (UInt8) -> String.Index?) -> (String, String)? {
        guard let dot = find(UInt8(ascii: ".")) else { return nil }
        return (String(name[..<dot]), String(name[name.utf8.index(after: dot)...]))
    }
}
