package import Backplane
package import Foundation

/// Payloads of real ASP.NET Core 8 nodes, in the three settings of `Tests/BackplaneTests/Vectors/core`.
package struct CoreVectors: Sendable {
    package struct Payload: Sendable {
        /// Redis channel.
        package let channel: [UInt8]
        package let payload: [UInt8]
        package let kind: CoreKind
        /// The meaning, as JSON.
        package let decoded: Data

        /// The same payload on another channel.
        package func on(_ channel: [UInt8]) -> Payload {
            Payload(channel: channel, payload: payload, kind: kind, decoded: decoded)
        }

        package var record: [UInt8] { CoreRecord.bytes(channel: channel, payload: payload) }

        package var meaning: [String: Any] {
            (try? JSONSerialization.jsonObject(with: decoded)) as? [String: Any] ?? [:]
        }
    }

    package let hub: CoreHub
    package let payloads: [Payload]
    /// The file that contains them.
    package let path: String

    /// Without the group commands and unanswered calls for a result.
    package var answered: [Payload] {
        let acks = payloads.filter { $0.kind == .ack }.compactMap { $0.meaning["id"] as? Int }
        let results = payloads.filter { $0.kind == .result }.map { String(decoding: $0.payload, as: UTF8.self) }
        return payloads.filter { payload in
            let meaning = payload.meaning
            if payload.kind == .groupCommand, let id = meaning["id"] as? Int { return acks.contains(id) }
            guard let id = meaning["invocationId"] as? String else { return true }
            return results.contains { $0.contains(id) }
        }
    }

    /// 147 payloads in all.
    package static func all() throws -> [CoreVectors] {
        let folder = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
            .appending(path: "BackplaneTests/Vectors/core")
        return try [
            ("net8-json-msgpack-prefix", "orc"), ("net8-json-noprefix", ""), ("net8-msgpack-prefix2", "my:app:"),
        ].map { file, prefix in
            let hub = CoreHub(prefix: prefix, type: "OracleHub")
            let url = folder.appending(path: file + ".jsonl")
            let lines = try Data(contentsOf: url).split(separator: UInt8(ascii: "\n"))
            return CoreVectors(hub: hub, payloads: try lines.compactMap { try payload($0, hub) }, path: url.path)
        }
    }

    private static func payload(_ line: Data, _ hub: CoreHub) throws -> Payload? {
        let object = try JSONSerialization.jsonObject(with: line) as? [String: Any] ?? [:]
        guard let channel = object["channel"] as? String, let base64 = object["payload_base64"] as? String,
            let payload = Data(base64Encoded: base64), let decoded = object["decoded"]
        else { return nil }
        let kind = Array(channel.utf8).withUnsafeBytes { hub.parse($0)?.kind }
        guard let kind else { throw TestFailure("'\(channel)' is no channel of '\(hub.topic)'") }
        return Payload(
            channel: Array(channel.utf8), payload: Array(payload), kind: kind,
            decoded: try JSONSerialization.data(withJSONObject: decoded))
    }
}
