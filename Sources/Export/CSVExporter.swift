import Backplane
import Capture
import FoundationEssentials
import Time

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
