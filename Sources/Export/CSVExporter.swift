import Capture
import FoundationEssentials
import Backplane
import Time

/// A row a message, with a header, as RFC 4180 has it: fields with a comma, a quotation mark or a line break stand
/// between quotation marks, rows end in CR LF.
///
/// A value that is no UTF-8 stands in `value_base64` instead of `value`; so does the whole payload of an envelope that
/// does not decode, with the reason in `error`.
struct CSVExporter: Exporter {
    static let columns = [
        "channel", "id", "received_at", "created_at", "source", "signal", "kind", "hub", "method", "value",
        "value_base64", "command_id", "wait_for_ack", "is_ack", "filter", "error",
    ]

    let skipped = 0

    func begin(into output: inout [UInt8]) {
        Self.append(Self.columns, to: &output)
    }

    func append(_ envelope: CapturedEnvelope, to output: inout [UInt8]) {
        let start = output.count
        do throws(EnvelopeError) {
            var whole = try EnvelopeWalk(envelope.payload)
            // Only behind the messages it is certain where the time stands.
            while try whole.next() != nil {}
            var walk = try EnvelopeWalk(envelope.payload)
            let createdAt = DotNetTicks(rawValue: whole.createdTicks).unixNanoseconds
                .flatMap { UInt64(exactly: $0) }.map(UTCTime.rfc3339)
            while let message = try walk.next() {
                append(message, of: envelope, id: walk.id, createdAt: createdAt ?? "", to: &output)
            }
        } catch {
            output.removeSubrange(start...)
            var fields = Array(repeating: "", count: Self.columns.count)
            fields[0] = envelope.channel
            fields[1] = (try? EnvelopeID.parse(envelope.payload).id).map { "\($0)" } ?? ""
            fields[2] = UTCTime.rfc3339(envelope.receivedAt)
            fields[10] = Data(envelope.payload).base64EncodedString()
            fields[15] = error.description
            Self.append(fields, to: &output)
        }
    }

    private func append(
        _ message: MessageView, of envelope: CapturedEnvelope, id: UInt64, createdAt: String,
        to output: inout [UInt8]
    ) {
        let call = HubInvocation(scanning: message.value)
        let text = String(validating: message.value, as: UTF8.self)
        Self.append(
            [
                envelope.channel, "\(id)", UTCTime.rfc3339(envelope.receivedAt), createdAt,
                String(decoding: message.source, as: UTF8.self), String(decoding: message.key, as: UTF8.self),
                message.kind.label, call?.hubName ?? "", call?.methodName ?? "", text ?? "",
                text == nil ? Data(message.value).base64EncodedString() : "",
                String(decoding: message.commandID, as: UTF8.self), "\(message.waitForAck)", "\(message.isAck)",
                String(decoding: message.filter, as: UTF8.self), "",
            ], to: &output)
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
