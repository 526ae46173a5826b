/// What one publish carries: messages and the time of their creation.
///
/// Source: `Messaging/ScaleoutMessage.cs` of SignalR 2.
package struct ScaleoutMessage: Equatable, Sendable {
    /// Real nodes write exactly one.
    package var messages: [Message]
    /// When the publisher created it, by its own clock, in `DotNetTicks`.
    package var createdTicks: Int64

    /// - Parameter createdTicks: in `DotNetTicks`.
    package init(messages: [Message], createdTicks: Int64) {
        self.messages = messages
        self.createdTicks = createdTicks
    }

    /// Decodes a blob, `int32 length, body`: a payload without its id.
    ///
    /// - Throws: `EnvelopeError`; its offset counts from the start of the blob.
    package init(decoding blob: UnsafeRawBufferPointer) throws(EnvelopeError) {
        self = try Self(BlobWalk(blob, at: 0))
    }

    /// Decodes a blob, `int32 length, body`: a payload without its id.
    ///
    /// - Throws: `EnvelopeError`; its offset counts from the start of the blob.
    package init(decoding blob: some Collection<UInt8>) throws(EnvelopeError) {
        self = try withContiguousBytes(of: blob) { bytes throws(EnvelopeError) in
            try ScaleoutMessage(decoding: bytes)
        }
    }

    init(_ start: BlobWalk) throws(EnvelopeError) {
        var walk = start
        messages = []
        messages.reserveCapacity(walk.messageCount)
        createdTicks = 0
        while let view = try walk.next() {
            messages.append(Message(view))
        }
        // Its position is known only after the messages.
        createdTicks = walk.createdTicks
    }

    /// The blob, `int32 length, body`, byte for byte as a real node writes it.
    ///
    /// - Precondition: below 2 GiB in total, the limit of the format.
    package func encoded() -> [UInt8] {
        var writer = FieldWriter()
        append(to: &writer)
        return writer.bytes
    }

    func append(to writer: inout FieldWriter) {
        writer.lengthPrefixed { writer in
            writer.int32(messages.count)
            for message in messages {
                writer.string(message.source)
                writer.string(message.key)
                writer.byteArray(message.value)
                writer.string(message.commandID)
                writer.bool(message.waitForAck)
                writer.bool(message.isAck)
                writer.string(message.filter)
            }
            writer.int64(createdTicks)
        }
    }
}
