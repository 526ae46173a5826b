/// Reads JSON text into a ``JSONValue``.
///
/// Lone surrogates and malformed UTF-8 become U+FFFD, as in .NET. The text comes from a node, hence is never trusted:
/// depth is bounded, and every other fault is an error.
package struct JSONParser {
    /// Arrays and objects inside each other; SignalR itself stops at 20.
    package static let maximumDepth = 64

    package let bytes: UnsafeRawBufferPointer
    package var position = 0
    private var depth = 0

    package static func parse(_ bytes: UnsafeRawBufferPointer) throws(JSONParseError) -> JSONValue {
        var parser = JSONParser(bytes: bytes)
        let value = try parser.value()
        guard parser.peek() == nil else { throw parser.fault }
        return value
    }

    package static func parse(_ text: String) throws(JSONParseError) -> JSONValue {
        var text = text
        let result = text.withUTF8 { utf8 in
            Result { () throws(JSONParseError) in try parse(UnsafeRawBufferPointer(utf8)) }
        }
        return try result.get()
    }

    private init(bytes: UnsafeRawBufferPointer) {
        self.bytes = bytes
    }

    package var fault: JSONParseError { JSONParseError(offset: position) }

    /// The next byte that is not white space; nil at the end.
    private mutating func peek() -> UInt8? {
        while position < bytes.count {
            switch bytes[position] {
            case 0x20, 0x09, 0x0A, 0x0D: position += 1
            case let byte: return byte
            }
        }
        return nil
    }

    private mutating func consume(_ byte: UInt8) -> Bool {
        guard peek() == byte else { return false }
        position += 1
        return true
    }

    private mutating func value() throws(JSONParseError) -> JSONValue {
        switch peek() {
        case UInt8(ascii: "{"): return try object()
        case UInt8(ascii: "["): return try array()
        case UInt8(ascii: "\""): return .string(try string())
        case UInt8(ascii: "t"): return try literal("true", .bool(true))
        case UInt8(ascii: "f"): return try literal("false", .bool(false))
        case UInt8(ascii: "n"): return try literal("null", .null)
        default: return try number()
        }
    }

    private mutating func object() throws(JSONParseError) -> JSONValue {
        try enter()
        var members: [JSONValue.Member] = []
        if !consume(UInt8(ascii: "}")) {
            repeat {
                guard peek() == UInt8(ascii: "\"") else { throw fault }
                let name = try string()
                guard consume(UInt8(ascii: ":")) else { throw fault }
                members.append(JSONValue.Member(name, try value()))
            } while consume(UInt8(ascii: ","))
            guard consume(UInt8(ascii: "}")) else { throw fault }
        }
        depth -= 1
        return .object(members)
    }

    private mutating func array() throws(JSONParseError) -> JSONValue {
        try enter()
        var elements: [JSONValue] = []
        if !consume(UInt8(ascii: "]")) {
            repeat { elements.append(try value()) } while consume(UInt8(ascii: ","))
            guard consume(UInt8(ascii: "]")) else { throw fault }
        }
        depth -= 1
        return .array(elements)
    }

    private mutating func enter() throws(JSONParseError) {
        guard depth < Self.maximumDepth else { throw fault }
        position += 1
        depth += 1
    }

    private mutating func literal(_ text: StaticString, _ value: JSONValue) throws(JSONParseError) -> JSONValue {
        guard bytes.count - position >= text.utf8CodeUnitCount else { throw fault }
        for index in 0..<text.utf8CodeUnitCount where bytes[position + index] != text.utf8Start[index] { throw fault }
        position += text.utf8CodeUnitCount
        return value
    }

    private mutating func number() throws(JSONParseError) -> JSONValue {
        let start = position
        _ = skip(UInt8(ascii: "-"))
        if !skip(UInt8(ascii: "0")) { try digits() }
        var isWhole = true
        if skip(UInt8(ascii: ".")) {
            isWhole = false
            try digits()
        }
        if skip(UInt8(ascii: "e")) || skip(UInt8(ascii: "E")) {
            isWhole = false
            if !skip(UInt8(ascii: "+")) { _ = skip(UInt8(ascii: "-")) }
            try digits()
        }
        let text = String(decoding: bytes[start..<position], as: UTF8.self)
        if isWhole, let value = Int64(text) { return .integer(value) }
        guard let value = Double(text) else { throw fault }
        return .double(value)
    }

    private mutating func skip(_ byte: UInt8) -> Bool {
        guard position < bytes.count, bytes[position] == byte else { return false }
        position += 1
        return true
    }

    private mutating func digits() throws(JSONParseError) {
        let start = position
        while position < bytes.count, bytes[position] &- UInt8(ascii: "0") < 10 { position += 1 }
        guard position > start else { throw fault }
    }
}
