/// How to read the messages of channels that refer to it. Within a file an id always refers to the same schema.
package struct Schema: Equatable, Sendable {
    /// Not 0, which means that a channel has no schema.
    package var id: UInt16
    package var name: String
    /// The format of `data`. Readers reject a schema with data but no encoding.
    package var encoding: String
    package var data: [UInt8]

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
