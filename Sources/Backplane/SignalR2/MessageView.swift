/// One message of an envelope, in place. Valid as long as the payload's memory.
///
/// Strings are UTF-8, unless ``EnvelopeWalk/oddities`` contains `utf8`: nodes then read U+FFFD for malformed parts.
package struct MessageView {
    /// UTF-8. The sender's connection id, or a GUID for a send by the server itself.
    package let source: UnsafeRawBufferPointer
    /// UTF-8. The signal: the recipients.
    package let key: UnsafeRawBufferPointer
    /// Any bytes; JSON for everything that SignalR itself sends, empty for an ack.
    package let value: UnsafeRawBufferPointer
    /// UTF-8. Empty if this is not a command.
    package let commandID: UnsafeRawBufferPointer
    /// Whether the sender waits for an ack of its command.
    package let waitForAck: Bool
    /// Whether it is the ack of the command with its `commandID`.
    package let isAck: Bool
    /// UTF-8. Signals that are excluded, joined by `|`.
    package let filter: UnsafeRawBufferPointer

    /// The same message with U+FFFD for malformed parts of strings; for envelopes with the `utf8` oddity.
    package func withWellFormedText<Result>(_ body: (MessageView) -> Result) -> Result {
        func wellFormed(_ text: UnsafeRawBufferPointer, _ next: (UnsafeRawBufferPointer) -> Result) -> Result {
            Array(String(decoding: text, as: UTF8.self).utf8).withUnsafeBytes(next)
        }
        return wellFormed(source) { source in
            wellFormed(key) { key in
                wellFormed(commandID) { commandID in
                    wellFormed(filter) { filter in
                        body(
                            MessageView(
                                source: source, key: key, value: value, commandID: commandID, waitForAck: waitForAck,
                                isAck: isAck, filter: filter))
                    }
                }
            }
        }
    }

    /// What it is for.
    package var kind: MessageKind {
        MessageKind(key: key, isCommand: !commandID.isEmpty, isAck: isAck)
    }
}
