package import Backplane
package import Capture
import Cryptography
import FoundationEssentials
import NIOCore
import Redis
import Time

/// Writes a capture in another text format, envelope by envelope, into a buffer that the caller empties.
package protocol Exporter {
    /// Writes the header of the format.
    mutating func begin(into output: inout [UInt8])
    mutating func append(_ envelope: CapturedEnvelope, to output: inout [UInt8])
    /// Envelopes that the format cannot represent.
    var skipped: Int { get }
}

/// The available formats.
package enum ExportFormat: String, Sendable, CaseIterable {
    /// One object per envelope, as printed by `cat --json`.
    case jsonl
    /// One row per message, RFC 4180.
    case csv
    /// Commands for `redis-cli --pipe` that publish each envelope: with the node's own script, or by PUBLISH.
    case resp
    /// A database, ``SQLiteExport``.
    case sqlite

    /// - Parameter channels: of the capture.
    /// - Returns: nil for a format that is not a stream.
    package func exporter(of channels: Set<BackplaneChannel>) -> (any Exporter)? {
        switch self {
        case .jsonl: JSONLinesExporter()
        case .csv: CSVExporter()
        case .resp:
            RESPExporter(loadsScript: channels.isEmpty || channels.contains { $0.dialect == .signalR2 })
        case .sqlite: nil
        }
    }
}

/// One object per envelope, one per line.
struct JSONLinesExporter: Exporter {
    let skipped = 0

    func begin(into output: inout [UInt8]) {}

    func append(_ envelope: CapturedEnvelope, to output: inout [UInt8]) {
        EnvelopeJSON.append(envelope, to: &output)
        output.append(UInt8(ascii: "\n"))
    }
}

/// One row per message, with a header, per RFC 4180: fields with a comma, a quotation mark or a line break are quoted,
/// rows end with CR LF.
///
/// A value that is not UTF-8 is in `value_base64` instead of `value`; so is the whole payload of an envelope that does
/// not decode, with the reason in `error`. What a wire does not have is empty. `redis_channel` is for ASP.NET Core;
/// `target` is the recipient group, user, connection or server.
struct CSVExporter: Exporter {
    static let columns = [
        "channel", "id", "received_at", "created_at", "source", "signal", "kind", "hub", "method", "value",
        "value_base64", "command_id", "wait_for_ack", "is_ack", "filter", "error", "redis_channel", "target",
    ]

    let skipped = 0

    func begin(into output: inout [UInt8]) {
        Self.append(Self.columns, to: &output)
    }

    func append(_ envelope: CapturedEnvelope, to output: inout [UInt8]) {
        let row = EnvelopeRow(envelope)
        let createdAt = row.createdAt.flatMap { UInt64(exactly: $0) }.map(UTCTime.rfc3339)
        var fields = Array(repeating: "", count: Self.columns.count)
        fields[0] = envelope.channel
        fields[1] = row.id.map { "\($0)" } ?? ""
        fields[2] = UTCTime.rfc3339(envelope.receivedAt)
        fields[3] = createdAt ?? ""
        fields[16] = row.redisChannel ?? ""
        if let error = row.error {
            fields[10] = Data(row.payload).base64EncodedString()
            fields[15] = error
            Self.append(fields, to: &output)
        }
        for message in row.messages {
            let (text, bytes): (String, String) =
                switch message.value {
                case .none: ("", "")
                case .text(let text): (text, "")
                case .bytes(let bytes): ("", Data(bytes).base64EncodedString())
                }
            fields.replaceSubrange(
                4..<15,
                with: [
                    message.source ?? "", message.signal ?? "", message.kind, message.hub ?? "", message.method ?? "",
                    text, bytes, message.commandID ?? "", message.waitForAck.map { "\($0)" } ?? "", "\(message.isAck)",
                    message.filter ?? "",
                ])
            fields[17] = message.target ?? ""
            Self.append(fields, to: &output)
        }
    }

    private static func append(_ fields: [String], to output: inout [UInt8]) {
        for (index, field) in fields.enumerated() {
            if index > 0 { output.append(UInt8(ascii: ",")) }
            append(field, to: &output)
        }
        output.append(contentsOf: "\r\n".utf8)
    }

    private static func append(_ field: String, to output: inout [UInt8]) {
        let mark = UInt8(ascii: "\"")
        let special: Set<UInt8> = [mark, UInt8(ascii: ","), UInt8(ascii: "\r"), UInt8(ascii: "\n")]
        guard field.utf8.contains(where: special.contains) else { return output.append(contentsOf: field.utf8) }
        output.append(mark)
        for byte in field.utf8 {
            if byte == mark { output.append(mark) }
            output.append(byte)
        }
        output.append(mark)
    }
}

/// Commands that publish each envelope: for SignalR 2 with the node's own script, with ids assigned by the server; for
/// ASP.NET Core by PUBLISH on its original Redis channel. The file is for `redis-cli --pipe` and needs no program of
/// ours.
struct RESPExporter: Exporter {
    private(set) var skipped = 0
    private let sha1: String
    private let loadsScript: Bool

    /// - Parameter loadsScript: false if there is nothing from SignalR 2.
    init(loadsScript: Bool = true) {
        self.loadsScript = loadsScript
        sha1 = SHA1.hash(Array(BackplaneScript.republish.utf8)).hex
    }

    func begin(into output: inout [UInt8]) {
        guard loadsScript else { return }
        append(["SCRIPT", "LOAD", .text(BackplaneScript.republish)], to: &output)
    }

    mutating func append(_ envelope: CapturedEnvelope, to output: inout [UInt8]) {
        if envelope.form != .signalR2 {
            guard let record = try? CoreRecord(envelope.payload) else { return skipped += 1 }
            return append(
                ["PUBLISH", .bytes(Array(record.channel)), .bytes(Array(record.payload))], to: &output)
        }
        guard let blob = Reissue.blob(of: envelope.payload) else { return skipped += 1 }
        append(["EVALSHA", .text(sha1), "1", .text(envelope.channel), .bytes(Array(blob))], to: &output)
    }

    private func append(_ command: [RESPArgument], to output: inout [UInt8]) {
        var buffer = ByteBuffer()
        RESPEncoder.encode(command, into: &buffer)
        output.append(contentsOf: buffer.readableBytesView)
    }
}
