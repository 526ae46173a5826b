import FoundationEssentials
import Backplane
import JSON

/// An argument or a result of a hub method: what can become JSON and be made from it.
///
/// Types that are `Codable` need nothing but the conformance: `struct Order: Codable, HubValue { ... }`.
public protocol HubValue: Sendable {
    /// - Parameter json: the text of one JSON value.
    /// - Throws: if the value is of another shape.
    init(json: [UInt8]) throws

    /// The text of one JSON value, `null` for none.
    func json() throws -> [UInt8]
}

extension HubValue where Self: Codable {
    public init(json: [UInt8]) throws {
        self = try HubJSON.decode(Self.self, from: json)
    }

    public func json() throws -> [UInt8] {
        try HubJSON.encode(self)
    }
}

extension Array: HubValue where Element: HubValue & Codable {
    /// Each element as the type wants it.
    public init(json: [UInt8]) throws {
        guard case .array(let elements)? = LenientJSON(json) else { throw HubValueError.notAList }
        self = try elements.map { try Element(json: $0.rewritten() ?? []) }
    }

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
    /// Each value as the type wants it.
    public init(json: [UInt8]) throws {
        guard case .object(let members)? = LenientJSON(json) else { throw HubValueError.notADictionary }
        self = [:]
        for member in members { self[member.name] = try Value(json: member.value.rewritten() ?? []) }
    }

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
    public init(json: [UInt8]) throws {
        // To a number or a truth value that may be missing an empty text is a missing one, as on a real node.
        let isMissing =
            json.elementsEqual("null".utf8)
            || (json.elementsEqual(#""""#.utf8)
                && (Wrapped.self == Int.self || Wrapped.self == Double.self || Wrapped.self == Bool.self))
        self = isMissing ? nil : try Wrapped(json: json)
    }

    public func json() throws -> [UInt8] {
        try self?.json() ?? Array("null".utf8)
    }
}

extension String: HubValue {
    public init(json: [UInt8]) throws {
        // Not JSONDecoder: it refuses lone surrogates, which browsers do send.
        if let text = JSONText.string(json) {
            self = text
            return
        }
        switch LenientJSON(json) {
        // As a real node: what is written without quotation marks becomes the text that it is.
        case .number?, .bool?:
            guard let text = LenientJSON(json)?.asString ?? nil else { throw HubValueError.notAString }
            self = text
        default: throw HubValueError.notAString
        }
    }

    public func json() -> [UInt8] {
        var writer = JSONWriter()
        writer.string(self)
        return writer.bytes
    }
}

/// JSON of any shape, written as a real node would write it: without white space, strings with the least escapes.
public struct JSONValue: HubValue, Equatable {
    public let text: [UInt8]

    public init(json: [UInt8]) throws {
        guard let text = JSONText.rewritten(json) else { throw HubValueError.notJSON }
        self.text = text
    }

    public func json() -> [UInt8] { text }
}

/// Why JSON is not the value that a hub method takes.
public enum HubValueError: Error, Sendable, CustomStringConvertible {
    case notAString
    case notJSON
    case notAWholeNumber
    case notANumber
    case notATruthValue
    case notAList
    case notADictionary

    public var description: String {
        switch self {
        case .notAString: "a string is expected"
        case .notJSON: "a JSON value is expected"
        case .notAWholeNumber: "a whole number is expected, or a text that is one"
        case .notANumber: "a number is expected, or a text that is one"
        case .notATruthValue: "true, false or a number is expected, or a text that is true or false"
        case .notAList: "a list is expected"
        case .notADictionary: "an object is expected"
        }
    }
}
