import JSON

/// Values whose type is known from their position.
extension MessagePackReader {
    /// - Returns: the number of elements that follow.
    @inline(__always)
    package mutating func arrayCount() throws(CoreError) -> Int {
        let start = position
        if position < bytes.count, bytes[position] & 0xF0 == 0x90 {
            position &+= 1
            return try counted(Int(bytes[start] & 0x0F), 1, start)
        }
        guard case .array(let count) = try token() else { throw CoreError(.wrongType, at: start) }
        return count
    }

    /// - Returns: the number of keys that follow, each with its value.
    @inline(__always)
    package mutating func mapCount() throws(CoreError) -> Int {
        let start = position
        if position < bytes.count, bytes[position] & 0xF0 == 0x80 {
            position &+= 1
            return try counted(Int(bytes[start] & 0x0F), 2, start)
        }
        guard case .map(let count) = try token() else { throw CoreError(.wrongType, at: start) }
        return count
    }

    /// - Returns: expected to be UTF-8.
    @inline(__always)
    package mutating func string() throws(CoreError) -> UnsafeRawBufferPointer {
        let start = position
        if position < bytes.count, bytes[position] & 0xE0 == 0xA0 {
            position &+= 1
            return try take(Int(bytes[start] & 0x1F), start)
        }
        guard case .string(let text) = try token() else { throw CoreError(.wrongType, at: start) }
        return text
    }

    /// A string; malformed UTF-8 is noted as an oddity.
    @inline(__always)
    package mutating func text() throws(CoreError) -> UnsafeRawBufferPointer {
        let text = try string()
        if UTF8Validation.firstInvalidOffset(in: text) != nil { oddities.insert(.utf8) }
        return text
    }

    /// A string, or nil.
    @inline(__always)
    package mutating func optionalString() throws(CoreError) -> UnsafeRawBufferPointer? {
        if position < bytes.count, bytes[position] == 0xC0 {
            position &+= 1
            return nil
        }
        return try string()
    }

    @inline(__always)
    package mutating func binary() throws(CoreError) -> UnsafeRawBufferPointer {
        let start = position
        if remaining >= 2, bytes[position] == 0xC4 {
            position &+= 2
            return try take(Int(bytes[start &+ 1]), start)
        }
        guard case .binary(let data) = try token() else { throw CoreError(.wrongType, at: start) }
        return data
    }

    @inline(__always)
    package mutating func integer<Integer: FixedWidthInteger>(as type: Integer.Type) throws(CoreError) -> Integer {
        let start = position
        switch try token() {
        case .int(let value):
            guard let exact = Integer(exactly: value) else { throw CoreError(.outOfRange, at: start) }
            return exact
        case .uint(let value):
            guard let exact = Integer(exactly: value) else { throw CoreError(.outOfRange, at: start) }
            return exact
        default: throw CoreError(.wrongType, at: start)
        }
    }
}
