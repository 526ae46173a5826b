/// Non-allocating walk over a blob: `int32 length, body[length]`, the argument of the publish script.
///
/// Accepts exactly what a real node accepts (.NET's `BinaryReader` and `DateTime`).
struct BlobWalk {
    /// Two empty strings, an empty value, an empty command id, two booleans and an empty filter.
    private static let smallestMessage = 10
    private static let ticksSize = 8

    private var fields: FieldReader
    private var messagesLeft: Int

    let messageCount: Int
    /// Until the last message was read: the value at the end, where nodes write it.
    private(set) var createdTicks: Int64

    /// Oddities up to here.
    var oddities: EnvelopeOddities { fields.oddities }

    /// - Parameters:
    ///   - bytes: must outlive the walk and its views.
    ///   - offset: start of the blob, which extends to the end of `bytes`.
    init(_ bytes: UnsafeRawBufferPointer, at offset: Int, oddities: EnvelopeOddities = []) throws(EnvelopeError) {
        guard let base = bytes.baseAddress else { throw EnvelopeError(.truncated, at: 0) }
        var fields = FieldReader(base: base, position: offset, limit: bytes.count, oddities: oddities)

        let length = Int(try fields.int32())
        guard length >= 0 else { throw EnvelopeError(.negativeLength, at: offset) }
        if length != fields.remaining {
            // `ReadBytes` returns what is available and ignores the rest.
            fields.oddities.insert(length > fields.remaining ? .blobLength : .trailingBytes)
            fields.limit = min(fields.limit, fields.position + length)
        }

        let countOffset = fields.position
        var count = Int(try fields.int32())
        if count < 0 {
            fields.oddities.insert(.messageCount)
            count = 0
        }

        // The ticks come last, so their position is known before the messages are read, which must not overlap them.
        guard fields.remaining >= Self.ticksSize else { throw EnvelopeError(.truncated, at: fields.position) }
        fields.limit -= Self.ticksSize
        guard count <= fields.remaining / Self.smallestMessage else {
            throw EnvelopeError(.hugeCount, at: countOffset)
        }

        self.fields = fields
        messagesLeft = count
        messageCount = count
        createdTicks = Self.ticks(base, at: fields.limit)
    }

    /// - Returns: the next message, or nil after the last one.
    /// - Throws: repeated calls throw the same error.
    @inline(__always)  // Into `EnvelopeWalk.next()`, which otherwise copies the view once more.
    mutating func next() throws(EnvelopeError) -> MessageView? {
        guard messagesLeft > 0 else {
            if fields.remaining > 0 {
                fields.oddities.insert(.trailingBytes)
                createdTicks = Self.ticks(fields.base, at: fields.position)
            }
            guard DotNetTicks(rawValue: createdTicks).isDateTime else {
                throw EnvelopeError(.badTicks, at: fields.position)
            }
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

    @inline(__always)
    private static func ticks(_ base: UnsafeRawPointer, at offset: Int) -> Int64 {
        Int64(littleEndian: base.loadUnaligned(fromByteOffset: offset, as: Int64.self))
    }
}
