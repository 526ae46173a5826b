import FoundationEssentials
import JSON

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
