/// Position of a record in the file.
struct RecordFrame {
    let opcode: UInt8
    let start: UInt64
    /// Bytes of the content, without opcode and length.
    let length: UInt64

    var contentStart: UInt64 { start + UInt64(Layout.recordHeader) }
    var end: UInt64 { contentStart + length }
    /// Bytes of the whole record.
    var size: UInt64 { length + UInt64(Layout.recordHeader) }
}

extension SourceWindow {
    /// The record at `offset`; nil if it does not end within the file.
    func frame(at offset: UInt64) throws -> RecordFrame? {
        guard let header = try bytes(at: offset, count: Layout.recordHeader) else { return nil }
        let length = UInt64(littleEndian: header.loadUnaligned(fromByteOffset: 1, as: UInt64.self))
        guard length <= end - offset - UInt64(Layout.recordHeader) else { return nil }
        return RecordFrame(opcode: header[0], start: offset, length: length)
    }

    /// The record's content, valid until the next call.
    ///
    /// - Throws: ``RecordFault`` if it is larger than the limit, or gone; errors of the source.
    func content(of frame: RecordFrame, limits: ReadLimits) throws -> UnsafeRawBufferPointer {
        guard frame.length <= limits.maximumRecordSize else {
            let reason = Damage.Reason.tooLarge(
                opcode: frame.opcode, size: frame.length, limit: limits.maximumRecordSize)
            throw RecordFault(reason: reason)
        }
        guard let content = try bytes(at: frame.contentStart, count: Int(frame.length)) else {
            throw RecordFault(reason: .truncated)
        }
        return content
    }
}

/// A problem of the current record. The reader adds the position and makes it a ``Damage``.
struct RecordFault: Error {
    let reason: Damage.Reason
    /// True if the record's contents confirm its length, so that reading can continue right after it.
    var framingHolds = false
}

extension RecordFault {
    init(_ opcode: Opcode, _ malformed: MalformedRecord) {
        self.init(reason: .malformed(opcode: opcode.rawValue, field: "\(malformed.field)"))
    }
}

/// Parses the record in `content` and converts malformation to a fault.
func parse<Record>(
    _ content: UnsafeRawBufferPointer, as opcode: Opcode,
    _ make: (UnsafeRawBufferPointer) throws(MalformedRecord) -> Record
) throws(RecordFault) -> Record {
    do { return try make(content) } catch { throw RecordFault(opcode, error) }
}
