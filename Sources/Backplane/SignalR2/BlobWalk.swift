import JSON

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

/// Reads fields written by .NET's `BinaryWriter`, one after the other, never beyond `limit`.
///
/// All bounds are checked here and nowhere else. After an error `position` is undefined; callers work on a copy.
/// Inlined throughout, so that the copy stays in registers: this runs for every field of every envelope.
struct FieldReader {
    /// Start of the decoded bytes. They must outlive the reader; error offsets count from here.
    let base: UnsafeRawPointer
    var position: Int
    /// Offset of the first byte after the fields.
    var limit: Int
    /// Accepted encodings that no node writes.
    var oddities: EnvelopeOddities

    var remaining: Int { limit - position }

    @inline(__always)
    mutating func int32() throws(EnvelopeError) -> Int32 {
        guard remaining >= 4 else { throw EnvelopeError(.truncated, at: position) }
        defer { position += 4 }
        return Int32(littleEndian: base.loadUnaligned(fromByteOffset: position, as: Int32.self))
    }

    @inline(__always)
    mutating func bool() throws(EnvelopeError) -> Bool {
        guard remaining >= 1 else { throw EnvelopeError(.truncated, at: position) }
        let byte = base.load(fromByteOffset: position, as: UInt8.self)
        if byte > 1 { oddities.insert(.boolean) }
        position += 1
        return byte != 0
    }

    /// int32 length, bytes.
    @inline(__always)
    mutating func byteArray() throws(EnvelopeError) -> UnsafeRawBufferPointer {
        let start = position
        let length = Int(try int32())
        guard length >= 0 else { throw EnvelopeError(.negativeLength, at: start) }
        guard length <= remaining else { throw EnvelopeError(.lengthBeyondPayload, at: start) }
        return take(length)
    }

    /// Varint byte length, expected UTF-8.
    @inline(__always)
    mutating func string() throws(EnvelopeError) -> UnsafeRawBufferPointer {
        let start = position
        let length = try varint()
        guard length <= remaining else { throw EnvelopeError(.lengthBeyondPayload, at: start) }
        let bytes = take(length)
        if UTF8Validation.firstInvalidOffset(in: bytes) != nil { oddities.insert(.utf8) }
        return bytes
    }

    @inline(__always)
    private mutating func varint() throws(EnvelopeError) -> Int {
        guard remaining >= 1 else { throw EnvelopeError(.truncated, at: position) }
        let first = base.load(fromByteOffset: position, as: UInt8.self)
        guard first >= 0x80 else {
            position += 1
            return Int(first)
        }
        return try longVarint()
    }

    /// Strings of 128 bytes or more are rare. As in .NET Framework, bits beyond the 32nd are lost.
    @inline(never)
    private mutating func longVarint() throws(EnvelopeError) -> Int {
        let start = position
        var value: UInt32 = 0
        var shift: UInt32 = 0
        while shift < 35 {
            guard remaining >= 1 else { throw EnvelopeError(.truncated, at: start) }
            let byte = base.load(fromByteOffset: position, as: UInt8.self)
            position += 1
            value |= UInt32(byte & 0x7F) << shift
            if byte < 0x80 {
                guard let length = Int32(exactly: value) else { break }
                if byte == 0 || (shift == 28 && byte > 0x0F) { oddities.insert(.stringLength) }
                return Int(length)
            }
            shift += 7
        }
        throw EnvelopeError(.badVarint, at: start)
    }

    @inline(__always)
    private mutating func take(_ length: Int) -> UnsafeRawBufferPointer {
        defer { position += length }
        return UnsafeRawBufferPointer(start: base + position, count: length)
    }
}
