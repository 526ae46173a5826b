/// The id in front of a payload. It can be read even where the rest does not decode.
public enum EnvelopeID {
    /// Parses `ASCII decimal id, 0x20`.
    ///
    /// - Returns: the id, and the offset of the first byte behind the space.
    /// - Throws: `EnvelopeError` with reason `noID`, `idNotUInt64` or `idOverflow`.
    public static func parse(
        _ payload: UnsafeRawBufferPointer
    ) throws(EnvelopeError) -> (id: UInt64, blobOffset: Int) {
        var id: UInt64 = 0
        var offset = 0
        while offset < payload.count {
            let byte = payload[offset]
            let digit = byte &- UInt8(ascii: "0")
            guard digit < 10 else {
                guard offset > 0 else { throw EnvelopeError(.noID, at: 0) }
                guard byte == UInt8(ascii: " ") else { throw EnvelopeError(.idNotUInt64, at: offset) }
                return (id, offset + 1)
            }
            let (tens, overflow) = id.multipliedReportingOverflow(by: 10)
            let (sum, carry) = tens.addingReportingOverflow(UInt64(digit))
            guard !overflow, !carry else { throw EnvelopeError(.idOverflow, at: offset) }
            id = sum
            offset += 1
        }
        throw EnvelopeError(.noID, at: offset)
    }
}
