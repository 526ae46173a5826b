/// Non-allocating walk over a blob: `int32 length, body[length]`, what a node hands to the publish script.
struct BlobWalk {
    /// Two empty strings, an empty value, an empty command id, two booleans and an empty filter.
    private static let smallestMessage = 10
    private static let ticksSize = 8

    private var fields: FieldReader
    private var messagesLeft: Int

    let messageCount: Int
    let createdTicks: Int64

    /// - Parameters:
    ///   - bytes: must outlive the walk and the views it hands out.
    ///   - offset: where the blob starts; it reaches to the end of `bytes`.
    init(_ bytes: UnsafeRawBufferPointer, at offset: Int) throws(EnvelopeError) {
        guard let base = bytes.baseAddress else { throw EnvelopeError(.truncated, at: 0) }
        var fields = FieldReader(base: base, position: offset, limit: bytes.count)

        let length = Int(try fields.int32())
        guard length >= 0 else { throw EnvelopeError(.negativeLength, at: offset) }
        guard length <= fields.remaining else { throw EnvelopeError(.lengthBeyondPayload, at: offset) }
        guard length == fields.remaining else {
            throw EnvelopeError(.trailingBytes, at: fields.position + length)
        }

        let countOffset = fields.position
        let count = Int(try fields.int32())
        guard count >= 0 else { throw EnvelopeError(.negativeCount, at: countOffset) }

        // The ticks stand last, so their place is known before the messages are read, which may not run into them.
        guard fields.remaining >= Self.ticksSize else { throw EnvelopeError(.truncated, at: fields.position) }
        fields.limit -= Self.ticksSize
        guard count <= fields.remaining / Self.smallestMessage else {
            throw EnvelopeError(.hugeCount, at: countOffset)
        }

        self.fields = fields
        messagesLeft = count
        messageCount = count
        createdTicks = Int64(littleEndian: base.loadUnaligned(fromByteOffset: fields.limit, as: Int64.self))
    }

    /// - Returns: the next message, or nil behind the last one.
    /// - Throws: again the same error when called again.
    @inline(__always)  // Into `EnvelopeWalk.next()`, which otherwise copies the view once more.
    mutating func next() throws(EnvelopeError) -> MessageView? {
        guard messagesLeft > 0 else {
            guard fields.remaining == 0 else { throw EnvelopeError(.trailingBytes, at: fields.position) }
            return nil
        }
        var reader = fields
        let view = MessageView(
            source: try reader.string(),
            key: try reader.string(),
            value: try reader.byteArray(),
            commandID: try reader.string(),
            waitForAck: try reader.bool(),
            isAck: try reader.bool(),
            filter: try reader.string())
        fields = reader
        messagesLeft -= 1
        return view
    }
}
