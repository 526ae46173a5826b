import Backplane
import Foundation
import Testing

/// A payload published by real ASP.NET Core 8 nodes, and its meaning.
struct CoreVector: Sendable {
    var name: String
    var hub: CoreHub
    var protocols: [String]
    var channel: String
    var payload: [UInt8]
    /// The meaning, as JSON.
    var decoded: Data

    static let prefixes = [
        "net8-json-msgpack-prefix": "orc", "net8-json-noprefix": "", "net8-msgpack-prefix2": "my:app:",
    ]

    static func all() throws -> [CoreVector] {
        try prefixes.keys.sorted().flatMap { file in try load(file) }
    }

    var meaning: [String: Any] {
        (try? JSONSerialization.jsonObject(with: decoded)) as? [String: Any] ?? [:]
    }

    /// The kind and the name, from the channel.
    func channelName() throws -> (kind: CoreKind, name: String) {
        try Array(channel.utf8).withUnsafeBytes { bytes in
            let name = try #require(hub.parse(bytes), "\(channel)")
            return (name.kind, name.nameText)
        }
    }

    private static func load(_ file: String) throws -> [CoreVector] {
        let hub = CoreHub(prefix: prefixes[file] ?? "", type: "OracleHub")
        var protocols: [String] = []
        var vectors: [CoreVector] = []
        for line in try lines(file) {
            let object = try #require(try JSONSerialization.jsonObject(with: line) as? [String: Any])
            guard let number = object["n"] as? Int else {
                protocols = object["protocols"] as? [String] ?? []
                continue
            }
            let payload = try #require((object["payload_base64"] as? String).flatMap { Data(base64Encoded: $0) })
            vectors.append(
                CoreVector(
                    name: "\(file) \(number)", hub: hub, protocols: protocols,
                    channel: try #require(object["channel"] as? String), payload: Array(payload),
                    decoded: try JSONSerialization.data(withJSONObject: try #require(object["decoded"]))))
        }
        return vectors
    }

    static func lines(_ file: String) throws -> [Data] {
        let url = try #require(
            Bundle.module.url(forResource: file, withExtension: "jsonl", subdirectory: "Vectors/core"))
        return try Data(contentsOf: url).split(separator: UInt8(ascii: "\n"))
    }
}

/// Decodes in place, for tests that only check whether and where it fails.
func coreWalk(_ payload: [UInt8], _ kind: CoreKind) -> Result<CoreOddities, CoreError> {
    payload.withUnsafeBytes { bytes in
        Result { () throws(CoreError) in
            let view = try CorePayloadView(kind, bytes)
            switch view {
            case .invocation(let view):
                for format in CoreFormat.allCases {
                    guard var walk = view.messages(in: format) else { continue }
                    while let message = try walk.next() { touch(message) }
                }
                if let agreement = try view.agreement() { _ = agreement == .same }
            case .completion(let view):
                guard var walk = view.messages() else { break }
                while let message = try walk.next() { touch(message) }
            case .groupCommand(let view): _ = (view.group.count, view.connection.count, CoreServerName(view.server))
            case .ack: break
            }
            try view.forEachDatum { datum in
                precondition(datum.range.lowerBound >= 0 && datum.range.upperBound <= payload.count)
                if let format = datum.format {
                    _ = CoreValue(payload: bytes, format: format, range: datum.range).json()
                }
            }
            return view.oddities
        }
    }
}

/// Reads every field of a message.
private func touch(_ message: CoreHubMessage) {
    _ = (message.target?.text, message.invocationID?.text, message.error?.text, message.arguments?.json())
    _ = (message.streamIDTexts, message.headerTexts.count, message.type)
    precondition(message.range.upperBound <= message.payload.count)
}
