/// Writes fields like .NET's `BinaryWriter`: the counterpart of `FieldReader`.
///
/// Lengths are int32 on the wire; a larger one is a programming error and traps.
struct FieldWriter {
    private(set) var bytes: [UInt8] = []

    mutating func ascii(_ text: String) {
        bytes.append(contentsOf: text.utf8)
    }

    mutating func int32(_ value: Int) {
        littleEndian(Int32(value))
    }

    mutating func int64(_ value: Int64) {
        littleEndian(value)
    }

    mutating func bool(_ value: Bool) {
        bytes.append(value ? 1 : 0)
    }

    /// int32 length, bytes.
    mutating func byteArray(_ value: [UInt8]) {
        int32(value.count)
        bytes.append(contentsOf: value)
    }

    /// Varint byte length, UTF-8.
    mutating func string(_ value: String) {
        var length = UInt32(Int32(value.utf8.count))
        while length >= 0x80 {
            bytes.append(UInt8(truncatingIfNeeded: length) | 0x80)
            length >>= 7
        }
        bytes.append(UInt8(length))
        bytes.append(contentsOf: value.utf8)
    }

    /// int32 length of the output of `content`, then that output.
    mutating func lengthPrefixed(_ content: (inout FieldWriter) -> Void) {
        let start = bytes.count
        int32(0)
        content(&self)
        withUnsafeBytes(of: Int32(bytes.count - start - 4).littleEndian) { length in
            bytes.replaceSubrange(start..<start + 4, with: length)
        }
    }

    private mutating func littleEndian(_ value: some FixedWidthInteger) {
        withUnsafeBytes(of: value.littleEndian) { bytes.append(contentsOf: $0) }
    }
}
