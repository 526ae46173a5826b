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
