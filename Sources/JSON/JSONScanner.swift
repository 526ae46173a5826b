/// Scans JSON text (RFC 8259) in place: no tree, no allocation, no recursion.
///
/// Validates the grammar of everything it passes, but not UTF-8. Every method skips leading white space and reports
/// whether it found what it expects; after a failure the text is not JSON or has another shape, and the scanner must
/// not be used any more.
package struct JSONScanner {
    /// Nesting limit of `skipValue`. SignalR's own limit is 20.
    @inlinable package static var maximumDepth: Int { UInt64.bitWidth }

    /// The whole text.
    @usableFromInline package let bytes: UnsafeRawBufferPointer
    /// Bytes consumed; the position of the error after a failure.
    @usableFromInline package var position = 0

    /// `bytes` must outlive the scanner and its strings.
    @inlinable package init(_ bytes: UnsafeRawBufferPointer) {
        self.bytes = bytes
    }

    /// The next byte that is not white space; nil at the end.
    @inlinable @inline(__always)
    package mutating func peek() -> UInt8? {
        while position < bytes.count {
            switch bytes[position] {
            case 0x20, 0x09, 0x0A, 0x0D: position += 1
            case let byte: return byte
            }
        }
        return nil
    }

    /// Goes past this byte if it is the next one that is not white space.
    @inlinable @inline(__always)
    package mutating func consume(_ byte: UInt8) -> Bool {
        guard peek() == byte else { return false }
        position += 1
        return true
    }

    /// `true`, `false` or `null`.
    @inlinable package mutating func consume(literal: StaticString) -> Bool {
        guard peek() != nil, bytes.count - position >= literal.utf8CodeUnitCount else { return false }
        for index in 0..<literal.utf8CodeUnitCount where bytes[position + index] != literal.utf8Start[index] {
            return false
        }
        position += literal.utf8CodeUnitCount
        return true
    }

    /// Calls `member` with each name of an object; it must consume the value, and returns false to stop.
    @inlinable package mutating func object(_ member: (inout JSONScanner, JSONString) -> Bool) -> Bool {
        guard consume(UInt8(ascii: "{")) else { return false }
        if consume(UInt8(ascii: "}")) { return true }
        repeat {
            guard let name = memberName(), member(&self, name) else { return false }
        } while consume(UInt8(ascii: ","))
        return consume(UInt8(ascii: "}"))
    }

    /// - Returns: the number of elements; nil if this is not an array.
    @inlinable @inline(__always)
    package mutating func countElements() -> Int? {
        guard consume(UInt8(ascii: "[")) else { return nil }
        if consume(UInt8(ascii: "]")) { return 0 }
        var count = 0
        repeat {
            guard skipValue() else { return nil }
            count += 1
        } while consume(UInt8(ascii: ","))
        return consume(UInt8(ascii: "]")) ? count : nil
    }

    /// - Returns: the number of elements and the array's text; nil if this is not an array.
    @inlinable @inline(__always)
    package mutating func countedArray() -> (count: Int, text: UnsafeRawBufferPointer)? {
        guard peek() != nil else { return nil }
        let start = position
        return countElements().map { ($0, UnsafeRawBufferPointer(rebasing: bytes[start..<position])) }
    }

    /// - Returns: the text of any value; nil if there is none.
    @inlinable package mutating func value() -> UnsafeRawBufferPointer? {
        guard peek() != nil else { return nil }
        let start = position
        guard skipValue() else { return nil }
        return UnsafeRawBufferPointer(rebasing: bytes[start..<position])
    }

    /// Calls `element` for each element of an array; it must consume the element, and returns false to stop.
    @inlinable package mutating func array(_ element: (inout JSONScanner) -> Bool) -> Bool {
        guard consume(UInt8(ascii: "[")) else { return false }
        if consume(UInt8(ascii: "]")) { return true }
        repeat {
            guard element(&self) else { return false }
        } while consume(UInt8(ascii: ","))
        return consume(UInt8(ascii: "]"))
    }

    /// Goes past one value of any kind.
    @inlinable package mutating func skipValue() -> Bool {
        var nesting = JSONNesting()
        while true {
            // A value is expected.
            switch peek() {
            case UInt8(ascii: "{"):
                position += 1
                guard nesting.open(.object) else { return false }
                if peek() != UInt8(ascii: "}") {
                    guard memberName() != nil else { return false }
                    continue
                }
            case UInt8(ascii: "["):
                position += 1
                guard nesting.open(.array) else { return false }
                if peek() != UInt8(ascii: "]") { continue }
            case UInt8(ascii: "\""): guard string() != nil else { return false }
            case UInt8(ascii: "t"): guard consume(literal: "true") else { return false }
            case UInt8(ascii: "f"): guard consume(literal: "false") else { return false }
            case UInt8(ascii: "n"): guard consume(literal: "null") else { return false }
            default: guard number() != nil else { return false }
            }
            // A value has ended; close its containers until a comma announces another value.
            while let container = nesting.innermost, !consume(UInt8(ascii: ",")) {
                guard consume(container.closingByte) else { return false }
                nesting.close()
            }
            guard let container = nesting.innermost else { return true }
            if container == .object, memberName() == nil { return false }
        }
    }

    /// - Returns: the text of a number; nil if this is not one.
    @inlinable package mutating func number() -> UnsafeRawBufferPointer? {
        guard peek() != nil else { return nil }
        let start = position
        skip(UInt8(ascii: "-"))
        if !skip(UInt8(ascii: "0")) {
            guard skipDigits() else { return nil }
        }
        if skip(UInt8(ascii: ".")) {
            guard skipDigits() else { return nil }
        }
        if skip(UInt8(ascii: "e")) || skip(UInt8(ascii: "E")) {
            if !skip(UInt8(ascii: "+")) { skip(UInt8(ascii: "-")) }
            guard skipDigits() else { return nil }
        }
        return UnsafeRawBufferPointer(rebasing: bytes[start..<position])
    }

    /// - Returns: nil if no string is next, or it does not end.
    @inlinable @inline(__always)
    package mutating func string() -> JSONString? {
        guard consume(UInt8(ascii: "\"")) else { return nil }
        let start = position
        var hasEscapes = false
        while true {
            position = JSONString.endOfPlainText(in: bytes, from: position)
            guard position < bytes.count else { return nil }
            switch bytes[position] {
            case UInt8(ascii: "\""):
                let raw = UnsafeRawBufferPointer(rebasing: bytes[start..<position])
                position += 1
                return JSONString(raw: raw, hasEscapes: hasEscapes)
            case UInt8(ascii: "\\"):
                hasEscapes = true
                guard skipEscape() else { return nil }
            default:
                return nil
            }
        }
    }

    /// A name and the colon behind it.
    @inlinable @inline(__always)
    package mutating func memberName() -> JSONString? {
        guard let name = string(), consume(UInt8(ascii: ":")) else { return nil }
        return name
    }

    /// Goes past a backslash and what it escapes.
    @inlinable package mutating func skipEscape() -> Bool {
        guard position + 1 < bytes.count else { return false }
        switch bytes[position + 1] {
        case UInt8(ascii: "u"):
            guard bytes.count - position >= 6 else { return false }
            for digit in position + 2..<position + 6 where JSONString.hexValue(bytes[digit]) == nil {
                return false
            }
            position += 6
        case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"), UInt8(ascii: "b"), UInt8(ascii: "f"),
            UInt8(ascii: "n"), UInt8(ascii: "r"), UInt8(ascii: "t"):
            position += 2
        default:
            return false
        }
        return true
    }

    /// Unlike `consume`, does not skip white space: for use inside a number.
    @inlinable @discardableResult package mutating func skip(_ byte: UInt8) -> Bool {
        guard position < bytes.count, bytes[position] == byte else { return false }
        position += 1
        return true
    }

    /// - Returns: whether there was at least one.
    @inlinable package mutating func skipDigits() -> Bool {
        let start = position
        while position < bytes.count, bytes[position] &- UInt8(ascii: "0") < 10 {
            position += 1
        }
        return position > start
    }
}

/// The containers around the current position: a stack of bits, so that the depth is bounded and needs no memory.
package struct JSONNesting {
    /// What a level is.
    package enum Container {
        case array
        case object

        /// `]` or `}`.
        @inlinable @inline(__always)
        package var closingByte: UInt8 {
            switch self {
            case .array: UInt8(ascii: "]")
            case .object: UInt8(ascii: "}")
            }
        }
    }

    /// Levels that are open.
    @usableFromInline package var depth = 0
    /// One bit for each level, the innermost in bit 0; 1 is an object.
    @usableFromInline package var objects: UInt64 = 0

    /// Outside of everything.
    @inlinable package init() {}

    /// nil outside of everything.
    @inlinable @inline(__always)
    package var innermost: Container? {
        guard depth > 0 else { return nil }
        return objects & 1 == 1 ? .object : .array
    }

    /// - Returns: false if it would be too deep.
    @inlinable @inline(__always)
    package mutating func open(_ container: Container) -> Bool {
        guard depth < JSONScanner.maximumDepth else { return false }
        depth += 1
        objects = objects << 1 | (container == .object ? 1 : 0)
        return true
    }

    /// - Precondition: a level is open.
    @inlinable @inline(__always)
    package mutating func close() {
        depth -= 1
        objects >>= 1
    }
}
