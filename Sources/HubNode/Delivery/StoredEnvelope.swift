import NIOCore
import Backplane

/// An envelope as the node keeps it: what is needed to decide who gets it, and the JSON that goes out.
struct StoredEnvelope: Sendable {
    struct Message: Sendable {
        let key: SignalKey
        /// The JSON that stands in a frame.
        let value: ByteBuffer
        /// Signals whose subscribers do not get it.
        let excluded: [SignalKey]
        /// What the owner of the connection must do, instead of passing it on.
        let command: Command?
    }

    let id: UInt64
    /// Without acks, which are for nodes.
    let messages: [Message]
    /// Bytes that it takes, roughly.
    let size: Int

    init(_ envelope: Envelope) {
        id = envelope.id
        messages = envelope.body.messages.compactMap { message in
            if message.isAck { return nil }
            let command = message.commandID.isEmpty ? nil : try? Command(decoding: message.value)
            // A command that we cannot read is nothing to pass on.
            if command == nil, !message.commandID.isEmpty { return nil }
            return Message(
                key: SignalKey(message.key), value: ByteBuffer(bytes: message.value),
                excluded: message.filter.isEmpty
                    ? []
                    : message.filter.utf8.split(separator: UInt8(ascii: "|")).map {
                        SignalKey(String(decoding: $0, as: UTF8.self))
                    },
                command: command)
        }
        size = messages.reduce(64) {
            $0 + $1.value.readableBytes + $1.key.text.utf8.count + $1.key.folded.byteCount + 96
        }
    }
}
