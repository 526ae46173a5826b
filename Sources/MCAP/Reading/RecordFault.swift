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
