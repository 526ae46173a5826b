import Foundation
import TestSupport

/// Payloads published by real SignalR nodes.
enum Vectors {
    static let channel = "chatapp"

    /// In the order of the file.
    static func payloads(_ name: String) throws -> [[UInt8]] {
        guard let url = Bundle.module.url(forResource: name, withExtension: "jsonl", subdirectory: "Vectors") else {
            throw TestFailure("no Vectors/\(name).jsonl in the test bundle")
        }
        return try String(contentsOf: url, encoding: .utf8).split(separator: "\n").map { line in
            Array(try JSONDecoder().decode(Line.self, from: Data(line.utf8)).payload)
        }
    }

    private struct Line: Decodable {
        let payload: Data

        enum CodingKeys: String, CodingKey {
            case payload = "payload_base64"
        }
    }
}
