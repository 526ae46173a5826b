/// Where a ``Metadata`` record stands in the file.
///
/// MCAP specification: "Metadata Index (op=0x0D)".
package struct MetadataIndex: Equatable, Sendable {
    /// Bytes from the start of the file to the record's opcode.
    package var offset: UInt64
    /// Bytes of the whole record, including opcode and length.
    package var length: UInt64
    /// Of the metadata record.
    package var name: String

    /// - Parameters:
    ///   - offset: bytes from the start of the file.
    ///   - length: bytes of the whole record.
    package init(offset: UInt64, length: UInt64, name: String) {
        self.offset = offset
        self.length = length
        self.name = name
    }

    func encode(into buffer: inout GrowableBuffer) {
        buffer.appendRecord(.metadataIndex) {
            $0.append(offset)
            $0.append(length)
            $0.append(name)
        }
    }

    init(content: UnsafeRawBufferPointer) throws(MalformedRecord) {
        var cursor = ByteCursor(content)
        offset = try cursor.integer(UInt64.self, "offset")
        length = try cursor.integer(UInt64.self, "length")
        name = try cursor.string("name")
    }
}
