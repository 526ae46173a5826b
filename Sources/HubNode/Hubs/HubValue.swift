import Backplane
import FoundationEssentials
import JSON

/// An argument or a result of a hub method: convertible to and from JSON.
///
/// `Codable` types need only the conformance: `struct Order: Codable, HubValue { ... }`.
public protocol HubValue: Sendable {
    /// - Parameter json: the text of one JSON value.
    /// - Throws: if the value has another type.
    init(json: [UInt8]) throws

    /// The text of one JSON value, `null` if there is none.
    func json() throws -> [UInt8]
}

extension HubValue where Self: Codable {
    /// Decodes with Foundation's `JSONDecoder`.
    public init(json: [UInt8]) throws {
        self = try HubJSON.decode(Self.self, from: json)
    }

    /// Encodes with Foundation's `JSONEncoder`, escaped like on a real node.
    public func json() throws -> [UInt8] {
        try HubJSON.encode(self)
    }
}

extension Array: HubValue where Element: HubValue & Codable {
    /// Each element is decoded by its type.
    public init(json: [UInt8]) throws {
        guard case .array(let elements)? = LenientJSON(json) else { throw HubValueError.notAList }
        self = try elements.map { try Element(json: $0.rewritten() ?? []) }
    }

    /// A JSON array of the elements' own texts.
    public func json() throws -> [UInt8] {
        var writer = JSONWriter()
        writer.raw("[")
        for element in self {
            writer.element()
            writer.raw(try element.json())
        }
        writer.raw("]")
        return writer.bytes
    }
}

extension Dictionary: HubValue where Key == String, Value: HubValue & Codable {
    /// Each value is decoded by its type.
    public init(json: [UInt8]) throws {
        guard case .object(let members)? = LenientJSON(json) else { throw HubValueError.notADictionary }
        self = [:]
        for member in members { self[member.name] = try Value(json: member.value.rewritten() ?? []) }
    }

    /// A JSON object of the values' own texts, its members in no particular order.
    public func json() throws -> [UInt8] {
        var writer = JSONWriter()
        writer.raw("{")
        for (name, value) in self {
            writer.member(name)
            writer.raw(try value.json())
        }
        writer.raw("}")
        return writer.bytes
    }
}

extension Optional: HubValue where Wrapped: HubValue {
    /// Nil from `null`, and from an empty text for a number or a truth value.
    public init(json: [UInt8]) throws {
        // For an optional number or boolean an empty text means a missing value, as on a real node.
        let isMissing =
            json.elementsEqual("null".utf8)
            || (json.elementsEqual(#""""#.utf8)
                && (Wrapped.self == Int.self || Wrapped.self == Double.self || Wrapped.self == Bool.self))
        self = isMissing ? nil : try Wrapped(json: json)
    }

    /// The value's own text, or `null`.
    public func json() throws -> [UInt8] {
        try self?.json() ?? Array("null".utf8)
    }
}

extension String: HubValue {
    /// From a text, a number or a truth value.
    ///
    /// - Throws: ``HubValueError/notAString`` for anything else.
    public init(json: [UInt8]) throws {
        // Not JSONDecoder: it rejects lone surrogates, which browsers do send.
        if let text = JSONText.string(json) {
            self = text
            return
        }
        switch LenientJSON(json) {
        // As on a real node: unquoted values become their text.
        case .number?, .bool?:
            guard let text = LenientJSON(json)?.asString ?? nil else { throw HubValueError.notAString }
            self = text
        default: throw HubValueError.notAString
        }
    }

    /// A quoted text.
    public func json() -> [UInt8] {
        var writer = JSONWriter()
        writer.string(self)
        return writer.bytes
    }
}

/// Any JSON, encoded like on a real node: without white space, with minimal escaping.
public struct JSONValue: HubValue, Equatable {
    /// One JSON value in UTF-8, without white space outside of its texts.
    public let text: [UInt8]
    /// As a client sent it in MessagePack; passed on unchanged to other MessagePack clients.
    let messagePack: [UInt8]?

    /// - Throws: ``HubValueError/notJSON``
    public init(json: [UInt8]) throws {
        guard let text = JSONText.rewritten(json) else { throw HubValueError.notJSON }
        self.text = text
        messagePack = nil
    }

    init(_ argument: HubArgument) throws {
        guard let text = JSONText.rewritten(argument.json) else { throw HubValueError.notJSON }
        self.text = text
        messagePack = argument.messagePack
    }

    /// The same as ``text``.
    public func json() -> [UInt8] { text }

    /// Compares bytes: `1.0` and `1` differ.
    public static func == (first: JSONValue, second: JSONValue) -> Bool { first.text == second.text }
}

/// Why a JSON value cannot be an argument of a hub method.
public enum HubValueError: Error, Sendable, CustomStringConvertible {
    case notAString
    case notJSON
    case notAWholeNumber
    case notANumber
    case notATruthValue
    case notAList
    case notADictionary
    case notAStream

    public var description: String {
        switch self {
        case .notAString: "a string is expected"
        case .notJSON: "a JSON value is expected"
        case .notAWholeNumber: "a whole number is expected, or a text that is one"
        case .notANumber: "a number is expected, or a text that is one"
        case .notATruthValue: "true, false or a number is expected, or a text that is true or false"
        case .notAList: "a list is expected"
        case .notADictionary: "an object is expected"
        case .notAStream: "a stream is expected"
        }
    }
}

// Like Newtonsoft.Json for parameters of these types: numbers may be texts, and so on.

extension Int: HubValue {
    /// From a whole number, or a text that is one.
    ///
    /// - Throws: ``HubValueError/notAWholeNumber``, also beyond 64 bits.
    public init(json: [UInt8]) throws {
        let text: String
        switch LenientJSON(json) {
        case .number(let digits)?: text = digits
        case .string(let words)?: text = words
        default: throw HubValueError.notAWholeNumber
        }
        guard let value = DotNetInteger.int64(text) else { throw HubValueError.notAWholeNumber }
        self = Int(value)
    }

    /// Decimal digits.
    public func json() -> [UInt8] { Array("\(self)".utf8) }
}

extension Double: HubValue {
    /// From a number, or a text that is one, `NaN` and `Infinity` included.
    ///
    /// - Throws: ``HubValueError/notANumber``
    public init(json: [UInt8]) throws {
        let number: DotNetNumber?
        switch LenientJSON(json) {
        case .number(let digits)?: number = DotNetNumber(digits)
        case .string(let words)?:
            switch words {
            case "NaN": number = .double(.nan)
            case "Infinity": number = .double(.infinity)
            case "-Infinity": number = .double(-.infinity)
            default: number = Self.number(words)
            }
        default: number = nil
        }
        switch number {
        case .integer(let digits): self = Double(digits) ?? .nan
        case .double(let value): self = value
        case nil: throw HubValueError.notANumber
        }
    }

    /// As on a real node: whole numbers end in `.0`, non-finite values are texts.
    public func json() -> [UInt8] { Array(DotNetNumber.text(self).utf8) }

    /// Surrounding white space, a sign, and commas between digits, as in .NET's `Float | AllowThousands`.
    private static func number(_ text: String) -> DotNetNumber? {
        var rest = text.utf8.filter { $0 > 0x20 && $0 != UInt8(ascii: ",") }
        if rest.first == UInt8(ascii: "+") { rest.removeFirst() }
        // No octal numbers in a text.
        while rest.count > 1, rest[0] == UInt8(ascii: "0"), (UInt8(ascii: "0")...UInt8(ascii: "9")).contains(rest[1]) {
            rest.removeFirst()
        }
        guard !rest.contains(where: { $0 | 0x20 == UInt8(ascii: "x") }) else { return nil }
        return DotNetNumber(String(decoding: rest, as: UTF8.self))
    }
}

extension Bool: HubValue {
    /// From `true` or `false`, a number (0 is false), or a text that is `true` or `false`.
    ///
    /// - Throws: ``HubValueError/notATruthValue``
    public init(json: [UInt8]) throws {
        switch LenientJSON(json) {
        case .bool(let value)?: self = value
        case .number(let digits)?:
            switch DotNetNumber(digits) {
            case .integer(let digits): self = digits != "0"
            case .double(let value): self = value != 0
            case nil: throw HubValueError.notATruthValue
            }
        case .string(let words)?:
            switch String(decoding: words.utf8.filter { $0 > 0x20 }, as: UTF8.self).lowercased() {
            case "true": self = true
            case "false": self = false
            default: throw HubValueError.notATruthValue
            }
        default: throw HubValueError.notATruthValue
        }
    }

    /// `true` or `false`.
    public func json() -> [UInt8] { Array((self ? "true" : "false").utf8) }
}

/// JSON by Foundation's coders, with the escaping of a real node's serializer.
enum HubJSON {
    static func decode<Value: Decodable>(_ type: Value.Type, from json: [UInt8]) throws -> Value {
        try JSONDecoder().decode(type, from: Data(json))
    }

    static func encode(_ value: some Encodable) throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .withoutEscapingSlashes
        var writer = JSONWriter()
        try encoder.encode(value).withUnsafeBytes { writer.raw(escapingLineEnds: $0) }
        return writer.bytes
    }
}
