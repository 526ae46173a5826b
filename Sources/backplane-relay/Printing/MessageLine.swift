import Capture
import SignalRBackplane

/// One line a message, for people.
struct MessageLine {
    let isColoured: Bool

    func append(_ envelope: CapturedEnvelope, to buffer: inout [UInt8]) {
        let start = buffer.count
        do throws(EnvelopeError) {
            var walk = try EnvelopeWalk(envelope.payload)
            var count = 0
            while let message = try walk.next() {
                append(message, id: walk.id, envelope: envelope, to: &buffer)
                count += 1
            }
            if count == 0 {
                appendStart(id: walk.id, envelope: envelope, to: &buffer)
                buffer += "(no messages)\n".utf8
            }
        } catch {
            buffer.removeSubrange(start...)
            appendStart(id: try? EnvelopeID.parse(envelope.payload).id, envelope: envelope, to: &buffer)
            buffer += paint("undecodable: \(error)", .red).utf8
            buffer += "  \(envelope.payload.count) B\n".utf8
        }
    }

    private func append(_ message: MessageView, id: UInt64, envelope: CapturedEnvelope, to buffer: inout [UInt8]) {
        appendStart(id: id, envelope: envelope, to: &buffer)
        buffer += paint(Self.printable(message.key), .cyan).utf8
        buffer += "  ".utf8
        buffer += paint(what(message), .green).utf8
        buffer += "  \(message.value.count) B\n".utf8
    }

    private func appendStart(id: UInt64?, envelope: CapturedEnvelope, to buffer: inout [UInt8]) {
        UTCTime.appendRFC3339(envelope.receivedAt, to: &buffer)
        buffer += "  ".utf8
        buffer += paint(id.map(String.init) ?? "-", .yellow).utf8
        buffer += "  ".utf8
    }

    /// `chatHub.broadcastMessage(2)` for a call, else what the message is for.
    private func what(_ message: MessageView) -> String {
        switch message.kind {
        case .command:
            guard let command = try? Command(decoding: message.value) else { return message.kind.label }
            return command.type.label + (command.value.map { " " + Self.printable(Array($0.utf8)) } ?? "")
        case .ack:
            return message.kind.label
        default:
            guard let invocation = HubInvocation(scanning: message.value) else { return message.kind.label }
            let name = Self.printable(Array("\(invocation.hubName).\(invocation.methodName)".utf8))
            return "\(name)(\(invocation.argumentCount))"
        }
    }

    /// Names come from the wire: what could steer a terminal is replaced.
    static func printable(_ bytes: some Sequence<UInt8>) -> String {
        PrintableText.line(bytes)
    }

    private enum Colour: Int {
        case red = 31
        case green, yellow
        case cyan = 36
    }

    private func paint(_ text: String, _ colour: Colour) -> String {
        isColoured ? "\u{1B}[\(colour.rawValue)m\(text)\u{1B}[0m" : text
    }
}
