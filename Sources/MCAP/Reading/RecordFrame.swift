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
    func content(of frame: RecordFrame) throws -> UnsafeRawBufferPointer {
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

    /// The record, parsed.
    ///
    /// - Throws: ``RecordFault`` if it is malformed, larger than the limit, or gone; errors of the source.
    func read<Record>(
        _ frame: RecordFrame, as opcode: Opcode,
        _ make: (UnsafeRawBufferPointer) throws(MalformedRecord) -> Record
    ) throws -> Record {
        try parse(try content(of: frame), as: opcode, make)
    }

    /// The marker at `offset`, regardless of the opcode and length before it; nil unless its CRC matches.
    func marker(at offset: UInt64) throws -> Marker? {
        let contentStart = offset + UInt64(Layout.recordHeader)
        guard let content = try bytes(at: contentStart, count: Marker.contentSize) else { return nil }
        return Marker(content: content)
    }

    /// Whether a file begins at `offset`: magic and a header.
    func isFileStart(at offset: UInt64) throws -> Bool {
        guard let magic = try bytes(at: offset, count: Layout.magic.count), magic.elementsEqual(Layout.magic),
            let frame = try frame(at: offset + UInt64(Layout.magic.count)),
            frame.opcode == Opcode.header.rawValue, frame.length <= 1 << 16,
            let content = try bytes(at: frame.contentStart, count: Int(frame.length))
        else { return false }
        return (try? Header(content: content)) != nil
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
