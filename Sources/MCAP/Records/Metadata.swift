/// A named set of strings about the file. Written sorted by key.
package struct Metadata: Equatable, Sendable {
    package var name: String
    package var entries: [String: String]

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
