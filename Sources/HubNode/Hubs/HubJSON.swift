import FoundationEssentials

/// JSON by Foundation's coders, with the escapes of a real node's serializer.
enum HubJSON {
    static func decode<Value: Decodable>(_ type: Value.Type, from json: [UInt8]) throws -> Value {
        try JSONDecoder().decode(type, from: Data(json))
    }

    static func encode(_ value: some Encodable) throws -> [UInt8] {
        let encoder = JSONEncoder()
        encoder.outputFormatting = .withoutEscapingSlashes
        return escapingLineEnds(Array(try encoder.encode(value)))
    }

    /// Line ends of Unicode stand in JSON text as they are, but break it where it is taken for JavaScript (JSONP).
    private static func escapingLineEnds(_ json: [UInt8]) -> [UInt8] {
        guard json.contains(where: { $0 == 0xC2 || $0 == 0xE2 }) else { return json }
        var escaped: [UInt8] = []
        escaped.reserveCapacity(json.count)
        var rest = json[...]
        while let byte = rest.first {
            if rest.starts(with: [0xC2, 0x85]) {
                escaped.append(contentsOf: #"\u0085"#.utf8)
                rest = rest.dropFirst(2)
            } else if rest.starts(with: [0xE2, 0x80, 0xA8]) || rest.starts(with: [0xE2, 0x80, 0xA9]) {
                escaped.append(contentsOf: rest[rest.startIndex + 2] == 0xA8 ? #"\u2028"#.utf8 : #"\u2029"#.utf8)
                rest = rest.dropFirst(3)
            } else {
                escaped.append(byte)
                rest = rest.dropFirst()
            }
        }
        return escaped
    }
}
