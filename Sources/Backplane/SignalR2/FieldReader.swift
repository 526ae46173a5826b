import JSON

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
