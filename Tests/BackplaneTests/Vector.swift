import Backplane
import Foundation
import Testing

/// A payload published by a real SignalR 2.4 node, and the real decoder's result.
struct Vector: Decodable {
    var payload: [UInt8]
    var note: String
    var decoded: Decoded

    enum Decoded {
        case envelope(Envelope)
        /// The real decoder threw.
        case error(String)
    }

    /// `signalr2.jsonl`: 71 envelopes, all of which decode.
    static func ordinary() throws -> [Vector] { try load("signalr2") }

    /// `signalr2-huge-ids.jsonl`: ids around 10^14; two decode, two do not.
    static func hugeIDs() throws -> [Vector] { try load("signalr2-huge-ids") }

    static func all() throws -> [Vector] { try ordinary() + hugeIDs() }

    /// Those that decode.
    static func envelopes() throws -> [(payload: [UInt8], envelope: Envelope, note: String)] {
        try all().compactMap { vector in
            guard case .envelope(let envelope) = vector.decoded else { return nil }
            return (vector.payload, envelope, vector.note)
        }
    }

    private static func load(_ name: String) throws -> [Vector] {
        let url = try #require(Bundle.module.url(forResource: name, withExtension: "jsonl", subdirectory: "Vectors"))
        return try Data(contentsOf: url).split(separator: UInt8(ascii: "\n")).map { line in
            try JSONDecoder().decode(Vector.self, from: line)
        }
    }
}

// MARK: - JSON

extension Vector {
    private enum CodingKeys: String, CodingKey {
        case payload = "payload_base64"
        case note, decoded
    }

    init(from decoder: any Decoder) throws {
        let members = try decoder.container(keyedBy: CodingKeys.self)
        payload = Array(try members.decode(Data.self, forKey: .payload))
        note = try members.decode(String.self, forKey: .note)
        decoded = try members.decode(Decoded.self, forKey: .decoded)
    }
}

extension Vector.Decoded: Decodable {
    private enum CodingKeys: String, CodingKey {
        case id, messages, error
        case createdTicks = "created_ticks"
    }

    private struct DecodedMessage: Decodable {
        var source: String
        var key: String
        var value: Data
        var commandID: String
        var waitForAck: Bool
        var isAck: Bool
        var filter: String

        enum CodingKeys: String, CodingKey {
            case source, key, filter
            case value = "value_base64"
            case commandID = "command_id"
            case waitForAck = "wait_for_ack"
            case isAck = "is_ack"
        }

        var message: Message {
            Message(
                source: source, key: key, value: Array(value), commandID: commandID, waitForAck: waitForAck,
                isAck: isAck, filter: filter)
        }
    }

    init(from decoder: any Decoder) throws {
        let members = try decoder.container(keyedBy: CodingKeys.self)
        if let error = try members.decodeIfPresent(String.self, forKey: .error) {
            self = .error(error)
            return
        }
        self = .envelope(
            Envelope(
                id: try members.decode(UInt64.self, forKey: .id),
                body: ScaleoutMessage(
                    messages: try members.decode([DecodedMessage].self, forKey: .messages).map(\.message),
                    createdTicks: try members.decode(Int64.self, forKey: .createdTicks))))
    }
}
