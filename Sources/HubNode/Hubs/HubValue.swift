import FoundationEssentials
import SignalRBackplane

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

extension Bool: HubValue {}
extension Int: HubValue {}
extension Double: HubValue {}
extension Array: HubValue where Element: HubValue & Codable {}
extension Dictionary: HubValue where Key == String, Value: HubValue & Codable {}

extension Optional: HubValue where Wrapped: HubValue {
    public init(json: [UInt8]) throws {
        self = json.elementsEqual("null".utf8) ? nil : try Wrapped(json: json)
    }

    public func json() throws -> [UInt8] {
        try self?.json() ?? Array("null".utf8)
    }
}

extension String: HubValue {
    public init(json: [UInt8]) throws {
        // Not JSONDecoder: it refuses lone surrogates, which browsers do send.
        guard let text = JSONText.string(json) else { throw HubValueError.notAString }
        self = text
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

    public var description: String {
        switch self {
        case .notAString: "a string is expected"
        case .notJSON: "a JSON value is expected"
        }
    }
}
