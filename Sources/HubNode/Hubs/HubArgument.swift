import Backplane
import JSON

/// A value passed between a client and a hub method: JSON, plus the MessagePack if a client sent it as such, so that
/// binary data stays binary.
struct HubArgument: Sendable, Equatable {
    /// One value; empty for a value that JSON cannot express, which fits no parameter.
    let json: [UInt8]
    /// The same value as received; nil if it was received as JSON.
    let messagePack: [UInt8]?

    init(json: [UInt8]) {
        self.json = json
        messagePack = nil
    }

    /// - Parameter value: one well-formed value.
    init(messagePack value: UnsafeRawBufferPointer) {
        var writer = JSONWriter()
        var reader = MessagePackReader(value)
        let isJSON = (try? MessagePackJSON.append(&reader, to: &writer, .convertedUntyped)) != nil
        json = isJSON ? writer.bytes : []
        messagePack = Array(value)
    }

    private init(json: [UInt8], messagePack: [UInt8]?) {
        self.json = json
        self.messagePack = messagePack
    }

    /// A value from a hub method. A client's value that is passed on unchanged keeps its encoding.
    init(_ value: some HubValue) throws {
        if let value = value as? JSONValue {
            self.init(json: value.text, messagePack: value.messagePack)
        } else {
            self.init(json: try value.json())
        }
    }

    /// In MessagePack; nil for invalid JSON, which no hub method produces.
    var packed: [UInt8] {
        if let messagePack { return messagePack }
        let packed = json.withUnsafeBytes { try? CoreFrameConversion.messagePack(json: $0) }
        return packed ?? [0xC0]
    }
}

/// The arguments of a client's call, read in the order of the method's parameters.
struct HubArguments: Sendable {
    private var values: ArraySlice<HubArgument>
    private var streams: ArraySlice<HubItemQueue>
    /// Whether a value must have the parameter's own JSON type, as in ASP.NET Core; otherwise numbers and texts are
    /// converted, as by Newtonsoft.Json.
    private let isStrict: Bool

    init(_ values: [HubArgument], streams: [HubItemQueue] = [], isStrict: Bool = false) {
        self.values = values[...]
        self.streams = streams[...]
        self.isStrict = isStrict
    }

    /// - Throws: ``BindingError`` if the value has another type.
    mutating func next<Value: HubValue>(_ type: Value.Type) throws -> Value {
        if let type = type as? any HubStreamParameter.Type {
            guard let queue = streams.popFirst(), let stream = type.init(queue) as? Value else {
                throw BindingError(cause: HubValueError.notAStream)
            }
            return stream
        }
        let argument = values.popFirst() ?? HubArgument(json: Array("null".utf8))
        do {
            if type == JSONValue.self, let value = try JSONValue(argument) as? Value { return value }
            if isStrict { try StrictValue.check(argument.json, as: type) }
            return try Value(json: argument.json)
        } catch {
            throw BindingError(cause: error)
        }
    }
}

/// An argument does not fit the parameter.
struct BindingError: Error {
    let cause: any Error
}

/// The types that System.Text.Json distinguishes.
private enum StrictValue {
    static func check<Value: HubValue>(_ json: [UInt8], as type: Value.Type) throws {
        let isDigit = json.first.map { $0 == UInt8(ascii: "-") || $0 &- UInt8(ascii: "0") < 10 } ?? false
        switch type {
        case is String.Type: if json.first != UInt8(ascii: "\"") { throw HubValueError.notAString }
        case is Int.Type: if !isDigit { throw HubValueError.notAWholeNumber }
        case is Double.Type: if !isDigit { throw HubValueError.notANumber }
        case is Bool.Type:
            if json.first != UInt8(ascii: "t"), json.first != UInt8(ascii: "f") { throw HubValueError.notATruthValue }
        default: break
        }
    }
}
