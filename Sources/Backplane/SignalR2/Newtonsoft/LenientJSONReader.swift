import JSON

/// Reads text by the rules of Newtonsoft.Json's `JsonTextReader`.
struct LenientJSONReader {
    /// SignalR's `MaxDepth`.
    static let maximumDepth = 20

    private let bytes: UnsafeRawBufferPointer
    private var position = 0
    private var depth = 0

    /// `bytes` must outlive the reader.
    init(_ bytes: UnsafeRawBufferPointer) {
        self.bytes = bytes
    }

    /// The next value; nil if there is none.
    mutating func value() -> LenientJSON? {
        guard skipToToken(), let byte = peek else { return nil }
        switch byte {
        case UInt8(ascii: "{"): return nested { $0.object() }
        case UInt8(ascii: "["): return nested { $0.array() }
        case UInt8(ascii: "\""), UInt8(ascii: "'"): return string().map { .string($0) }
        case UInt8(ascii: "t"): return literal("true", .bool(true))
        case UInt8(ascii: "f"): return literal("false", .bool(false))
        case UInt8(ascii: "n"): return literal("null", .null)
        case UInt8(ascii: "u"): return literal("undefined", .undefined)
        case UInt8(ascii: "N"): return literal("NaN", .notFinite("NaN"))
        case UInt8(ascii: "I"): return literal("Infinity", .notFinite("Infinity"))
        case UInt8(ascii: "-") where position + 1 < bytes.count && bytes[position + 1] == UInt8(ascii: "I"):
            return literal("-Infinity", .notFinite("-Infinity"))
        case UInt8(ascii: "-"), UInt8(ascii: "."), UInt8(ascii: "0")...UInt8(ascii: "9"): return number()
        default: return nil
        }
    }

    // MARK: - Containers

    private mutating func nested(_ body: (inout Self) -> LenientJSON?) -> LenientJSON? {
        guard depth < Self.maximumDepth else { return nil }
        depth += 1
        position += 1
        defer { depth -= 1 }
        return body(&self)
    }

    private mutating func object() -> LenientJSON? {
        var members: [(name: String, value: LenientJSON)] = []
        while true {
            guard skipToToken() else { return nil }
            if consume(UInt8(ascii: "}")) { return .object(members) }
            guard let name = name(), skipToToken(), consume(UInt8(ascii: ":")), let value = value() else { return nil }
            members.append((name, value))
            guard skipToToken() else { return nil }
            // A comma may follow the last element.
            if consume(UInt8(ascii: ",")) { continue }
            return consume(UInt8(ascii: "}")) ? .object(members) : nil
        }
    }

    private mutating func array() -> LenientJSON? {
        var elements: [LenientJSON] = []
        while true {
            guard skipToToken() else { return nil }
            if consume(UInt8(ascii: "]")) { return .array(elements) }
            if consume(UInt8(ascii: ",")) {
                elements.append(.undefined)
                continue
            }
            guard let value = value() else { return nil }
            elements.append(value)
            guard skipToToken() else { return nil }
            if consume(UInt8(ascii: ",")) { continue }
            return consume(UInt8(ascii: "]")) ? .array(elements) : nil
        }
    }

    private mutating func name() -> String? {
        if peek == UInt8(ascii: "\"") || peek == UInt8(ascii: "'") { return string() }
        let start = position
        while let byte = peek, Self.isOfIdentifier(byte) { position += 1 }
        return position > start ? String(decoding: bytes[start..<position], as: UTF8.self) : nil
    }

    // MARK: - Scalars

    private mutating func string() -> String? {
        guard let quote = peek else { return nil }
        position += 1
        var units: [UInt16] = []
        var utf8: [UInt8] = []
        while let byte = peek, byte != quote {
            position += 1
            guard byte == UInt8(ascii: "\\") else {
                utf8.append(byte)
                continue
            }
            guard let escape = peek else { return nil }
            position += 1
            if escape == UInt8(ascii: "u") {
                guard let unit = unicodeEscape() else { return nil }
                units = [unit]
                // Two consecutive escapes may form one character.
                while position + 1 < bytes.count, bytes[position] == UInt8(ascii: "\\"),
                    bytes[position + 1] == UInt8(ascii: "u")
                {
                    position += 2
                    guard let unit = unicodeEscape() else { return nil }
                    units.append(unit)
                }
                utf8.append(contentsOf: String(decoding: units, as: UTF16.self).utf8)
            } else {
                guard let character = Self.character(escapedBy: escape) else { return nil }
                utf8.append(character)
            }
        }
        guard consume(quote) else { return nil }
        return String(decoding: utf8, as: UTF8.self)
    }

    private mutating func unicodeEscape() -> UInt16? {
        guard position + 4 <= bytes.count else { return nil }
        var unit: UInt16 = 0
        for _ in 0..<4 {
            guard let digit = JSONString.hexValue(bytes[position]) else { return nil }
            unit = unit << 4 | digit
            position += 1
        }
        return unit
    }

    private mutating func number() -> LenientJSON? {
        let start = position
        while let byte = peek, Self.isOfNumber(byte) { position += 1 }
        guard isAtSeparator else { return nil }
        return .number(String(decoding: bytes[start..<position], as: UTF8.self))
    }

    private mutating func literal(_ text: StaticString, _ value: LenientJSON) -> LenientJSON? {
        guard bytes.count - position >= text.utf8CodeUnitCount else { return nil }
        for index in 0..<text.utf8CodeUnitCount where bytes[position + index] != text.utf8Start[index] { return nil }
        position += text.utf8CodeUnitCount
        return isAtSeparator ? value : nil
    }

    // MARK: - Between tokens

    private var peek: UInt8? { position < bytes.count ? bytes[position] : nil }

    private mutating func consume(_ byte: UInt8) -> Bool {
        guard peek == byte else { return false }
        position += 1
        return true
    }

    private var isAtSeparator: Bool {
        switch peek {
        case nil, UInt8(ascii: ","), UInt8(ascii: "}"), UInt8(ascii: "]"), UInt8(ascii: ")"), UInt8(ascii: "/"): true
        default: whiteSpaceLength > 0
        }
    }

    /// Skips white space and comments; false if a comment does not end.
    private mutating func skipToToken() -> Bool {
        while let byte = peek {
            let length = whiteSpaceLength
            if length > 0 {
                position += length
            } else if byte == UInt8(ascii: "/") {
                guard skipComment() else { return false }
            } else {
                return true
            }
        }
        return true
    }

    private mutating func skipComment() -> Bool {
        guard position + 1 < bytes.count else { return false }
        let kind = bytes[position + 1]
        position += 2
        if kind == UInt8(ascii: "/") {
            while let byte = peek, byte != 0x0A, byte != 0x0D { position += 1 }
            return true
        }
        guard kind == UInt8(ascii: "*") else { return false }
        while position + 1 < bytes.count {
            if bytes[position] == UInt8(ascii: "*"), bytes[position + 1] == UInt8(ascii: "/") {
                position += 2
                return true
            }
            position += 1
        }
        return false
    }

    /// Bytes of the white space character at the start, by .NET's `Char.IsWhiteSpace`; 0 otherwise.
    private var whiteSpaceLength: Int {
        guard let byte = peek else { return 0 }
        if byte < 0x80 { return byte == 0x20 || (0x09...0x0D).contains(byte) ? 1 : 0 }
        let length = byte < 0xE0 ? 2 : byte < 0xF0 ? 3 : 4
        let text = String(decoding: bytes[position..<min(position + length, bytes.count)], as: UTF8.self)
        guard let scalar = text.unicodeScalars.first, scalar != "\u{FFFD}" else { return 0 }
        return scalar.properties.isWhitespace ? length : 0
    }

    /// Any letters beyond ASCII are included.
    private static func isOfIdentifier(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "a")...UInt8(ascii: "z"), UInt8(ascii: "A")...UInt8(ascii: "Z"),
            UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "_"), UInt8(ascii: "$"), 0x80...:
            true
        default: false
        }
    }

    private static func isOfNumber(_ byte: UInt8) -> Bool {
        switch byte {
        case UInt8(ascii: "0")...UInt8(ascii: "9"), UInt8(ascii: "a")...UInt8(ascii: "f"),
            UInt8(ascii: "A")...UInt8(ascii: "F"), UInt8(ascii: "x"), UInt8(ascii: "X"), UInt8(ascii: "+"),
            UInt8(ascii: "-"), UInt8(ascii: "."):
            true
        default: false
        }
    }

    private static func character(escapedBy escape: UInt8) -> UInt8? {
        switch escape {
        case UInt8(ascii: "b"): 0x08
        case UInt8(ascii: "f"): 0x0C
        case UInt8(ascii: "n"): 0x0A
        case UInt8(ascii: "r"): 0x0D
        case UInt8(ascii: "t"): 0x09
        case UInt8(ascii: "\\"), UInt8(ascii: "\""), UInt8(ascii: "'"), UInt8(ascii: "/"): escape
        default: nil
        }
    }
}
