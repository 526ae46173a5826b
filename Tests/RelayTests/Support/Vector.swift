import Foundation

/// A payload of a real node, and the real decoder's result.
struct Vector: Decodable {
    struct Message: Decodable {
        var key: String
        var commandID: String
        var isAck: Bool

        enum CodingKeys: String, CodingKey {
            case key
            case commandID = "command_id"
            case isAck = "is_ack"
        }
    }

    struct Decoded: Decodable {
        var id: UInt64?
        var messages: [Message]?
        var error: String?
    }

    var payload: Data
    var decoded: Decoded

    enum CodingKeys: String, CodingKey {
        case payload = "payload_base64"
        case decoded
    }

    static func load(_ name: String) throws -> [Vector] {
        let tests = URL(fileURLWithPath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .deletingLastPathComponent()
        let vectors = tests.appendingPathComponent("BackplaneTests/Vectors/\(name).jsonl")
        return try Data(contentsOf: vectors).split(separator: UInt8(ascii: "\n")).map {
            try JSONDecoder().decode(Vector.self, from: $0)
        }
    }
}
