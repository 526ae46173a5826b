/// The id at the start of a payload. It can be read even if the rest does not decode.
package enum EnvelopeID {
    /// Parses `ASCII decimal id, 0x20`, or what a real node accepts as such (`ulong.Parse`): white space around the
    /// number, a sign, leading zeros.
    ///
    /// - Returns: the id, and the offset of the first byte after the space.
    /// - Throws: `EnvelopeError` with reason `noID`, `idNotUInt64` or `idOverflow`.
    package static func parse(
        _ payload: UnsafeRawBufferPointer
    ) throws(EnvelopeError) -> (id: UInt64, blobOffset: Int) {
        let (id, blobOffset, _) = try read(payload)
        return (id, blobOffset)
    }

    @inline(__always)
    static func read(
        _ payload: UnsafeRawBufferPointer
    ) throws(EnvelopeError) -> (id: UInt64, blobOffset: Int, isOdd: Bool) {
        var id: UInt64 = 0
        var offset = 0
        while offset < payload.count {
            let byte = payload[offset]
            let digit = byte &- UInt8(ascii: "0")
            guard digit < 10 else {
                guard byte == UInt8(ascii: " "), offset > 0 else { return try readOdd(payload) }
                return (id, offset + 1, payload[0] == UInt8(ascii: "0") && offset > 1)
            }
            let (tens, overflow) = id.multipliedReportingOverflow(by: 10)
            let (sum, carry) = tens.addingReportingOverflow(UInt64(digit))
            guard !overflow, !carry else { throw EnvelopeError(.idOverflow, at: offset) }
            id = sum
            offset += 1
        }
        throw EnvelopeError(.noID, at: offset)
    }

    /// Parses the text before the first space by the rules of .NET's `NumberStyles.Integer` in the invariant culture:
    /// white space, a sign, digits, white space, and trailing zero bytes.
    @inline(never)
    private static func readOdd(
        _ payload: UnsafeRawBufferPointer
    ) throws(EnvelopeError) -> (id: UInt64, blobOffset: Int, isOdd: Bool) {
        guard let space = payload.firstIndex(of: UInt8(ascii: " ")) else { throw errorWithoutSpace(payload) }
        var offset = 0
        while offset < space, isWhite(payload[offset]) { offset += 1 }
        var isNegative = false
        if offset < space, payload[offset] == UInt8(ascii: "+") || payload[offset] == UInt8(ascii: "-") {
            isNegative = payload[offset] == UInt8(ascii: "-")
            offset += 1
        }
        let firstDigit = offset
        var id: UInt64 = 0
        while offset < space, payload[offset] &- UInt8(ascii: "0") < 10 {
            let (tens, overflow) = id.multipliedReportingOverflow(by: 10)
            let (sum, carry) = tens.addingReportingOverflow(UInt64(payload[offset] - UInt8(ascii: "0")))
            guard !overflow, !carry else { throw EnvelopeError(.idOverflow, at: offset) }
            id = sum
            offset += 1
        }
        guard offset > firstDigit, !isNegative || id == 0 else { throw EnvelopeError(.noID, at: 0) }
        let end = offset
        while offset < space, isWhite(payload[offset]) { offset += 1 }
        while offset < space, payload[offset] == 0 { offset += 1 }
        guard offset == space else { throw EnvelopeError(.idNotUInt64, at: end) }
        return (id, space + 1, true)
    }

    /// Without a space there is no id; the offset is where the text stops looking like one.
    private static func errorWithoutSpace(_ payload: UnsafeRawBufferPointer) -> EnvelopeError {
        let digits = payload.prefix { $0 &- UInt8(ascii: "0") < 10 }.count
        return digits > 0 ? EnvelopeError(.idNotUInt64, at: digits) : EnvelopeError(.noID, at: 0)
    }

    private static func isWhite(_ byte: UInt8) -> Bool {
        (0x09...0x0D).contains(byte)
    }
}

/// Removes the captured id from a payload, so that the target's own script can assign a new one.
///
/// With a captured id, real nodes would deliver messages endlessly or not at all: the target's counter must stay dense
/// and ascending.
package enum Reissue {
    /// The blob after the id.
    ///
    /// - Returns: nil if the payload does not begin with a number and a space, so was not published by the script.
    package static func blob(of payload: UnsafeRawBufferPointer) -> UnsafeRawBufferPointer? {
        if let (_, offset) = try? EnvelopeID.parse(payload) {
            return UnsafeRawBufferPointer(rebasing: payload[offset...])
        }
        // From 1e14 on Lua writes the counter as 1e+14: not an id for real nodes, but a blob follows.
        let prefix = payload.prefix { $0 != UInt8(ascii: " ") }
        guard prefix.count < payload.count, !prefix.isEmpty, prefix.count <= 24, prefix.allSatisfy(isOfNumber) else {
            return nil
        }
        return UnsafeRawBufferPointer(rebasing: payload[(prefix.count + 1)...])
    }

    private static func isOfNumber(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "."), UInt8(ascii: "e"), UInt8(ascii: "+"): true
        default: false
        }
    }
}
