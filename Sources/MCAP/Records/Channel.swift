/// A stream of messages on one topic. Within a file an id always means the same channel.
///
/// MCAP specification: "Channel (op=0x04)".
package struct Channel: Equatable, Sendable {
    /// Unique in the file.
    package var id: UInt16
    /// The schema of the messages; 0 = none.
    package var schemaID: UInt16
    /// Of a capture: the Redis channel, the hub of ASP.NET Core, or `relay.events`.
    package var topic: String
    /// How to read the messages' data, e.g. `signalr-redis`.
    package var messageEncoding: String
    /// Added by the writer. The order is not kept.
    package var metadata: [String: String]

    /// - Parameter schemaID: 0 for none.
    package init(
        id: UInt16, schemaID: UInt16 = 0, topic: String, messageEncoding: String, metadata: [String: String] = [:]
    ) {
        self.id = id
        self.schemaID = schemaID
        self.topic = topic
        self.messageEncoding = messageEncoding
        self.metadata = metadata
    }

    /// Compares bytes: Swift considers two Unicode forms of a name equal.
    package static func == (first: Channel, second: Channel) -> Bool {
        first.id == second.id && first.schemaID == second.schemaID
            && first.topic.utf8.elementsEqual(second.topic.utf8)
            && first.messageEncoding.utf8.elementsEqual(second.messageEncoding.utf8)
            && first.metadata == second.metadata
    }

    func encode(into buffer: inout GrowableBuffer) {
        buffer.appendRecord(.channel) {
            $0.append(id)
            $0.append(schemaID)
            $0.append(topic)
            $0.append(messageEncoding)
            $0.append(metadata)
        }
    }

    init(content: UnsafeRawBufferPointer) throws(MalformedRecord) {
        var cursor = ByteCursor(content)
        id = try cursor.integer(UInt16.self, "id")
        schemaID = try cursor.integer(UInt16.self, "schema_id")
        topic = try cursor.string("topic")
        messageEncoding = try cursor.string("message_encoding")
        metadata = try cursor.map("metadata")
    }
}

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
