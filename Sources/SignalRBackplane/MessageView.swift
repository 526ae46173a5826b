/// One message of an envelope, in place. Valid as long as the payload's memory.
public struct MessageView {
    /// UTF-8. The sender's connection id, or a GUID for a send by the server itself.
    public let source: UnsafeRawBufferPointer
    /// UTF-8. The signal: whom the message is for.
    public let key: UnsafeRawBufferPointer
    /// Any bytes; JSON for everything that SignalR itself sends, empty for an ack.
    public let value: UnsafeRawBufferPointer
    /// UTF-8. Empty if this is not a command.
    public let commandID: UnsafeRawBufferPointer
    public let waitForAck: Bool
    public let isAck: Bool
    /// UTF-8. Signals that are excluded, joined by `|`.
    public let filter: UnsafeRawBufferPointer

    public var kind: MessageKind {
        MessageKind(key: key, isCommand: !commandID.isEmpty, isAck: isAck)
    }
}
