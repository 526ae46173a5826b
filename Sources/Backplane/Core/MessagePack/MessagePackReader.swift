import JSON

/// Reads MessagePack in place, value by value: no tree, no allocation, no recursion.
///
/// Complete: all types in all widths. Every length is checked against what is left. A read that throws leaves
/// ``position`` undefined; callers work on a copy or stop. Inlined where most values of an envelope are decided by
/// their first byte.
///
/// Source: the MessagePack specification, msgpack/msgpack, `spec.md`.
package struct MessagePackReader {
    /// Nesting limit of arrays and maps when building a tree or a text. ``skipValue()`` has no limit.
    package static let maximumDepth = 64

    /// From the start of the payload to the end of the part to read.
    package let bytes: UnsafeRawBufferPointer
    /// Offset of the next value.
    package internal(set) var position: Int
    /// Accepted encodings that no node writes: values not in their smallest form.
    package internal(set) var oddities: CoreOddities = []

    /// - Parameters:
    ///   - bytes: must outlive the reader and its results. Error offsets count from their start.
    ///   - range: the part to read; everything by default. Must be within the bytes.
    package init(_ bytes: UnsafeRawBufferPointer, in range: Range<Int>? = nil) {
        let range = range ?? 0..<bytes.count
        self.bytes = UnsafeRawBufferPointer(rebasing: bytes[..<range.upperBound])
        position = range.lowerBound
    }

    /// Bytes that are left.
    @inline(__always)
    package var remaining: Int { bytes.count &- position }

    /// Whether nothing is left.
    package var isAtEnd: Bool { position == bytes.count }

    /// Any value; for an array or a map, only its head.
    package mutating func token() throws(CoreError) -> MessagePackToken {
        let start = position
        let head = try byte()
        switch head {
        case 0x00...0x7F: return .int(Int64(head))
        case 0x80...0x8F: return .map(count: try counted(Int(head & 0x0F), 2, start))
        case 0x90...0x9F: return .array(count: try counted(Int(head & 0x0F), 1, start))
        case 0xA0...0xBF: return .string(try take(Int(head & 0x1F), start))
        case 0xC0: return .nil
        case 0xC1: throw CoreError(.reservedByte, at: start)
        case 0xC2, 0xC3: return .bool(head == 0xC3)
        case 0xC4...0xC6: return .binary(try take(length(head &- 0xC4, above: 0), start))
        case 0xC7...0xC9:
            let count = try length(head &- 0xC7, above: 0)
            if count <= 16, count.nonzeroBitCount == 1 { oddities.insert(.longForm) }
            return try ext(count, start)
        case 0xCA: return .float(Float(bitPattern: try fixed(UInt32.self)))
        case 0xCB: return .double(Double(bitPattern: try fixed(UInt64.self)))
        case 0xCC...0xD3: return try integer(head)
        case 0xD4...0xD8: return try ext(1 << Int(head &- 0xD4), start)
        case 0xD9...0xDB: return .string(try take(length(head &- 0xD9, above: 31), start))
        case 0xDC, 0xDD: return .array(count: try counted(length(head &- 0xDB, above: 15), 1, start))
        case 0xDE, 0xDF: return .map(count: try counted(length(head &- 0xDD, above: 15), 2, start))
        default: return .int(Int64(Int8(bitPattern: head)))
        }
    }

    /// Skips one value including its contents, at any depth, by counting what remains.
    @inline(__always)
    package mutating func skipValue() throws(CoreError) {
        // Most values of an envelope are one byte or a short text.
        if position < bytes.count {
            let head = bytes[position]
            if head < 0x80 || head >= 0xE0 || head == 0xC0 || head & 0xFE == 0xC2 {
                position &+= 1
                return
            }
            if head & 0xE0 == 0xA0, Int(head & 0x1F) < remaining {
                position &+= 1 &+ Int(head & 0x1F)
                return
            }
        }
        try skipAnyValue()
    }

    @inline(never)
    private mutating func skipAnyValue() throws(CoreError) {
        var due = 1
        repeat {
            due &-= 1
            let start = position
            switch try token() {
            case .array(let count): due &+= count
            case .map(let count): due &+= 2 &* count
            default: continue
            }
            // Each takes at least a byte: this bounds the loop and the sum.
            guard due <= remaining else { throw CoreError(.hugeCount, at: start) }
        } while due > 0
    }

    /// - Returns: the range of one value including its contents.
    package mutating func value() throws(CoreError) -> Range<Int> {
        let start = position
        try skipValue()
        return start..<position
    }

    /// Whether the next value is compressed by MessagePack-CSharp's LZ4, in one or several blocks; consumes nothing.
    package var isCompressed: Bool {
        var reader = self
        guard var token = try? reader.token() else { return false }
        if case .array(let count) = token, count > 0 {
            guard let first = try? reader.token() else { return false }
            token = first
            if case .ext(type: MessagePackExtension.lz4BlockArray, data: _) = token { return true }
            return false
        }
        if case .ext(type: MessagePackExtension.lz4Block, data: _) = token { return true }
        return false
    }

    // MARK: - Parts of a value

    @inline(__always)
    mutating func byte() throws(CoreError) -> UInt8 {
        guard position < bytes.count else { throw CoreError(.truncated, at: bytes.count) }
        defer { position &+= 1 }
        return bytes[position]
    }

    @inline(__always)
    mutating func fixed<Integer: FixedWidthInteger>(_ type: Integer.Type) throws(CoreError) -> Integer {
        guard remaining >= MemoryLayout<Integer>.size else { throw CoreError(.truncated, at: position) }
        defer { position &+= MemoryLayout<Integer>.size }
        return Integer(bigEndian: bytes.loadUnaligned(fromByteOffset: position, as: type))
    }

    /// A length of 1, 2 or 4 bytes.
    ///
    /// - Parameters:
    ///   - width: 0, 1 or 2.
    ///   - least: the largest length that a shorter head can have. Smaller ones are noted as an oddity.
    mutating func length(_ width: UInt8, above least: Int) throws(CoreError) -> Int {
        let length: Int
        switch width {
        case 0:
            length = Int(try fixed(UInt8.self))
            if length <= least, least > 0 { oddities.insert(.longForm) }
        case 1:
            length = Int(try fixed(UInt16.self))
            // Arrays and maps have no one-byte length.
            if length <= (least == 15 ? 15 : 0xFF) { oddities.insert(.longForm) }
        default:
            length = Int(try fixed(UInt32.self))
            if length <= 0xFFFF { oddities.insert(.longForm) }
        }
        return length
    }

    @inline(__always)
    mutating func take(_ length: Int, _ start: Int) throws(CoreError) -> UnsafeRawBufferPointer {
        guard length <= remaining else { throw CoreError(.lengthBeyondPayload, at: start) }
        defer { position &+= length }
        return UnsafeRawBufferPointer(rebasing: bytes[position..<position &+ length])
    }

    /// Each element takes at least a byte.
    @inline(__always)
    func counted(_ count: Int, _ valuesEach: Int, _ start: Int) throws(CoreError) -> Int {
        guard count &* valuesEach <= remaining else { throw CoreError(.hugeCount, at: start) }
        return count
    }

    private mutating func ext(_ count: Int, _ start: Int) throws(CoreError) -> MessagePackToken {
        let type = Int8(bitPattern: try byte())
        return .ext(type: type, data: try take(count, start))
    }

    private mutating func integer(_ head: UInt8) throws(CoreError) -> MessagePackToken {
        let value: Int64
        let smallestMagnitude: Int64
        switch head {
        case 0xCC: (value, smallestMagnitude) = (Int64(try fixed(UInt8.self)), 0x80)
        case 0xCD: (value, smallestMagnitude) = (Int64(try fixed(UInt16.self)), 0x100)
        case 0xCE: (value, smallestMagnitude) = (Int64(try fixed(UInt32.self)), 0x1_0000)
        case 0xCF:
            let wide = try fixed(UInt64.self)
            guard wide <= UInt64(Int64.max) else { return .uint(wide) }
            (value, smallestMagnitude) = (Int64(wide), 0x1_0000_0000)
        case 0xD0: (value, smallestMagnitude) = (Int64(try fixed(Int8.self)), 33)
        case 0xD1: (value, smallestMagnitude) = (Int64(try fixed(Int16.self)), 0x81)
        case 0xD2: (value, smallestMagnitude) = (Int64(try fixed(Int32.self)), 0x8001)
        default: (value, smallestMagnitude) = (try fixed(Int64.self), 0x8000_0001)
        }
        // Nonnegative integers are written unsigned.
        if head < 0xD0 ? value < smallestMagnitude : value > -smallestMagnitude { oddities.insert(.longForm) }
        return .int(value)
    }
}

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

    /// A byte string, without its head.
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

    /// An integer of any width on the wire.
    ///
    /// - Throws: ``CoreError/Reason/outOfRange`` if the value does not fit the type.
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
