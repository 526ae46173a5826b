/// How the messages of channels that name it are to be read. Within a file an id always means the same schema.
///
/// MCAP specification: "Schema (op=0x03)".
package struct Schema: Equatable, Sendable {
    /// Not 0, which means that a channel has no schema.
    package var id: UInt16
    /// What the schema describes, such as `signalr-core-redis`.
    package var name: String
    /// The format of `data`. Readers reject a schema with data but no encoding.
    package var encoding: String
    /// The schema itself, in the form that `encoding` names.
    package var data: [UInt8]

    /// - Parameter id: not 0.
    package init(id: UInt16, name: String, encoding: String, data: [UInt8]) {
        self.id = id
        self.name = name
        self.encoding = encoding
        self.data = data
    }

    func encode(into buffer: inout GrowableBuffer) {
        buffer.appendRecord(.schema) {
            $0.append(id)
            $0.append(name)
            $0.append(encoding)
            $0.append(UInt32(data.count))
            $0.append(data)
        }
    }

    init(content: UnsafeRawBufferPointer) throws(MalformedRecord) {
        var cursor = ByteCursor(content)
        id = try cursor.integer(UInt16.self, "id")
        name = try cursor.string("name")
        encoding = try cursor.string("encoding")
        let count = try cursor.integer(UInt32.self, "data")
        data = Array(try cursor.take(UInt64(count), "data"))
    }
}
