/// A named set of strings about the file. Written sorted by key.
///
/// MCAP specification: "Metadata (op=0x0C)".
package struct Metadata: Equatable, Sendable {
    /// Not unique: a file may hold several of one name.
    package var name: String
    /// Unordered; written sorted by key.
    package var entries: [String: String]

    /// Metadata of this name.
    package init(name: String, entries: [String: String]) {
        self.name = name
        self.entries = entries
    }

    func encode(into buffer: inout GrowableBuffer) {
        buffer.appendRecord(.metadata) {
            $0.append(name)
            $0.append(entries)
        }
    }

    /// - Parameter allowingExtension: whether fields of a later format may follow.
    init(content: UnsafeRawBufferPointer, allowingExtension: Bool) throws(MalformedRecord) {
        var cursor = ByteCursor(content)
        name = try cursor.string("name")
        entries = try cursor.map("metadata")
        try cursor.finish(allowingExtension: allowingExtension)
    }
}

/// The position of a ``Metadata`` record in the file.
///
/// MCAP specification: "Metadata Index (op=0x0D)".
package struct MetadataIndex: Equatable, Sendable {
    /// Bytes from the start of the file to the record's opcode.
    package var offset: UInt64
    /// Bytes of the whole record, including opcode and length.
    package var length: UInt64
    /// Name of the metadata record.
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
