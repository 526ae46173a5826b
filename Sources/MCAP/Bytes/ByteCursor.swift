/// Reads the fields of one record. Every length is checked against what is left before it is used.
struct ByteCursor {
    private let bytes: UnsafeRawBufferPointer
    private(set) var position = 0

    init(_ bytes: UnsafeRawBufferPointer) { self.bytes = bytes }

    var remaining: Int { bytes.count - position }

    mutating func integer<T: FixedWidthInteger & BitwiseCopyable>(
        _ type: T.Type, _ field: StaticString
    ) throws(MalformedRecord) -> T {
        let size = MemoryLayout<T>.size
        guard remaining >= size else { throw MalformedRecord(field: field) }
        defer { position += size }
        return T(littleEndian: bytes.loadUnaligned(fromByteOffset: position, as: T.self))
    }

    /// Checks that the record ends here, unless fields of a later format are allowed.
    func finish(allowingExtension: Bool) throws(MalformedRecord) {
        guard allowingExtension || remaining == 0 else { throw MalformedRecord(field: "length") }
    }

    mutating func take(_ count: UInt64, _ field: StaticString) throws(MalformedRecord) -> UnsafeRawBufferPointer {
        guard count <= UInt64(remaining) else { throw MalformedRecord(field: field) }
        defer { position += Int(count) }
        return UnsafeRawBufferPointer(rebasing: bytes[position..<position + Int(count)])
    }

    mutating func string(_ field: StaticString) throws(MalformedRecord) -> String {
        let length = try integer(UInt32.self, field)
        let utf8 = try take(UInt64(length), field)
        guard let string = String(validating: utf8, as: UTF8.self) else { throw MalformedRecord(field: field) }
        return string
    }

    mutating func map(_ field: StaticString) throws(MalformedRecord) -> [String: String] {
        let length = try integer(UInt32.self, field)
        var entries = ByteCursor(try take(UInt64(length), field))
        var map: [String: String] = [:]
        while entries.remaining > 0 {
            let key = try entries.string(field)
            map[key] = try entries.string(field)
        }
        return map
    }

    mutating func channelMap(_ field: StaticString) throws(MalformedRecord) -> [UInt16: UInt64] {
        let length = try integer(UInt32.self, field)
        var entries = ByteCursor(try take(UInt64(length), field))
        var map: [UInt16: UInt64] = [:]
        while entries.remaining > 0 {
            let id = try entries.integer(UInt16.self, field)
            map[id] = try entries.integer(UInt64.self, field)
        }
        return map
    }
}

/// A record's content is too short for its fields, or a field has an invalid value.
struct MalformedRecord: Error {
    let field: StaticString
}
