/// One SignalR message, copied out of its envelope. Equal are those with the same bytes.
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

    package static func == (first: Message, second: Message) -> Bool {
        first.source.isSameOrdinally(as: second.source) && first.key.isSameOrdinally(as: second.key)
            && first.value == second.value && first.commandID.isSameOrdinally(as: second.commandID)
            && first.waitForAck == second.waitForAck && first.isAck == second.isAck
            && first.filter.isSameOrdinally(as: second.filter)
    }

    /// The key, taken apart.
    package var signal: Signal { Signal(key: key) }

    /// What it is for.
    package var kind: MessageKind {
        var key = key
        return key.withUTF8 { utf8 in
            MessageKind(key: UnsafeRawBufferPointer(utf8), isCommand: !commandID.isEmpty, isAck: isAck)
        }
    }
}
