/// The MCAP serialization of records, strings and maps.
extension GrowableBuffer {
    /// Appends one record: opcode, the length of what `content` appends, and that content.
    mutating func appendRecord(_ opcode: Opcode, content: (inout GrowableBuffer) -> Void) {
        append(opcode.rawValue)
        let lengthPosition = count
        append(UInt64(0))
        content(&self)
        overwrite(UInt64(count - lengthPosition - 8), at: lengthPosition)
    }

    /// Appends a string, prefixed by its length in bytes (u32).
    mutating func append(_ string: String) {
        var string = string
        string.withUTF8 { utf8 in
            append(UInt32(utf8.count))
            append(UnsafeRawBufferPointer(utf8))
        }
    }

    /// Appends a map, prefixed by its length in bytes (u32) and sorted by key: equal maps give equal bytes.
    mutating func append(_ map: [String: String]) {
        let size = map.reduce(0) { $0 + 8 + $1.key.utf8.count + $1.value.utf8.count }
        append(UInt32(size))
        for (key, value) in map.sorted(by: { $0.key < $1.key }) {
            append(key)
            append(value)
        }
    }

    /// Appends a map of channel ids, prefixed by its length in bytes (u32) and sorted by id.
    mutating func append(_ map: [UInt16: UInt64]) {
        append(UInt32(map.count * 10))
        for (id, value) in map.sorted(by: { $0.key < $1.key }) {
            append(id)
            append(value)
        }
    }
}
