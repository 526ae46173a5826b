import ArgumentParser
import Capture
import SignalRBackplane

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

struct CatCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "cat",
        abstract: "Print the messages of a capture, decoded.",
        discussion: """
            Example:
              backplane-relay cat /var/lib/backplane-relay
              backplane-relay cat --json chat-20261122T215800.123Z.mcap | jq -r '.messages[].method'

            Without --json: a line a message with time, id, signal, hub.method and size. With it: a JSON object an
            envelope. Exit status 3 if part of the capture could not be read; it says on standard error what.
            """)

    @OptionGroup var captures: CaptureArguments

    @Flag(help: "One JSON object an envelope.")
    var json = false

    @Option(help: "Only this event key; give it again for more.")
    var channel: [String] = []

    @Option(help: "Only what was received at this time (RFC 3339) or later.")
    var from: TimeArgument?

    @Option(help: "Only what was received before this time (RFC 3339).")
    var until: TimeArgument?

    func run() throws {
        // A reader that stops early, as `head` does, ends the printing, not with a signal but quietly.
        signal(SIGPIPE, SIG_IGN)
        let filter = CaptureFilter(
            from: from?.nanoseconds, until: until?.nanoseconds, channels: channel.isEmpty ? nil : Set(channel))
        var output = StandardOutput()
        let lines = MessageLine(isColoured: StandardOutput.isTerminal)
        do {
            let report = try captures.open().forEach(filter) { item in
                guard case .envelope(let envelope) = item else { return }
                try output.append { buffer in
                    if json {
                        EnvelopeJSON.append(
                            payload: envelope.payload, channel: envelope.channel, receivedAt: envelope.receivedAt,
                            to: &buffer)
                        buffer.append(UInt8(ascii: "\n"))
                    } else {
                        lines.append(envelope, to: &buffer)
                    }
                }
            }
            try output.flush()
            try report.complain()
        } catch let error as OutputError where error.isBrokenPipe {
            return
        }
    }
}

struct TimeArgument: ExpressibleByArgument {
    let nanoseconds: UInt64

    init?(argument: String) {
        guard let nanoseconds = UTCTime.parse(argument) else { return nil }
        self.nanoseconds = nanoseconds
    }
}

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
        String(
            String.UnicodeScalarView(
                String(decoding: Array(bytes), as: UTF8.self).unicodeScalars.map { scalar in
                    scalar.properties.generalCategory == .control ? "\u{FFFD}" : scalar
                }))
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
