/// What is wrong with the record at hand. The reader knows the place and makes a ``Damage`` of it.
struct RecordFault: Error {
    let reason: Damage.Reason
    /// True if the record's own length is confirmed by what is in it, so that reading can go on right behind it.
    var framingHolds = false
}

extension RecordFault {
    init(_ opcode: Opcode, _ malformed: MalformedRecord) {
        self.init(reason: .malformed(opcode: opcode.rawValue, field: "\(malformed.field)"))
    }
}

/// The record in `content`, its malformation turned into a fault.
func parse<Record>(
    _ content: UnsafeRawBufferPointer, as opcode: Opcode,
    _ make: (UnsafeRawBufferPointer) throws(MalformedRecord) -> Record
) throws(RecordFault) -> Record {
    do { return try make(content) } catch { throw RecordFault(opcode, error) }
}
