import ArgumentParser
import Capture
import MessageLines
import Time

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
            Examples:
              backplane-relay cat /var/lib/backplane-relay
              backplane-relay cat --from -15m --hub chatHub --signal 'hg-*.ops' captures
              backplane-relay cat --json captures | jq -r '.messages[].method'
              kubectl exec relay -- cat /data/chat.mcap | backplane-relay cat -

            Options that select can be combined: all must match; of the values of one option, one must. An envelope \
            is selected if one of its messages matches; one that does not decode, if there is no condition on \
            messages.

            Without --json it prints a line per message: time, id, signal, hub.method and size; --values adds the \
            arguments. On a terminal times are local (--utc for UTC) and lines end at its width; in a pipe they are \
            complete, and times are RFC 3339 in UTC. With --json it prints one object per envelope. Standard error \
            reports when a hub of ASP.NET Core was attached or detached; envelopes outside of that time are not in the \
            capture.

            Exit status 3 if part of the capture could not be read, or the recording lost envelopes in what is \
            selected; standard error says what.
            """)

    @OptionGroup var captures: CaptureArguments

    @Flag(help: "Print one JSON object per envelope.")
    var json = false

    @OptionGroup(title: "Output") var lines: LineOptions

    @Option(help: ArgumentHelp("Exit after this many envelopes, 1 or more; the rest is not read.", valueName: "count"))
    var limit: Int?

    @OptionGroup(title: "Selection") var selection: SelectionOptions

    /// A line for standard error: there is no message in it.
    ///
    /// - Returns: nil for events that are not about the start or end of a hub's recording.
    private static func line(_ event: CaptureEvent, at time: UInt64) -> String? {
        let (time, hub) = (UTCTime.rfc3339(time), event.channel ?? "a hub")
        return switch event.event {
        case "attached": "\(time)  hub attached: envelopes of \(hub) are recorded from here on"
        case "detached": "\(time)  hub detached: it had no nodes; envelopes of \(hub) are not recorded from here on"
        default: nil
        }
    }

    func validate() throws {
        try lines.validate(json: json)
        if let limit, limit < 1 { throw ValidationError("--limit: \(limit) envelopes cannot be printed; 1 or more") }
    }

    func run() throws {
        // A reader that stops early, like `head`, ends the command quietly instead of by a signal.
        signal(SIGPIPE, SIG_IGN)
        let capture = try captures.open()
        let selection = try selection.selection(of: capture)
        var output = StandardOutput()
        var envelopes = 0
        let bar = ProgressBar(label: "cat", total: capture.knownSize, printsMeanwhile: true)
        defer { bar.finish() }
        var lines = MessageLine(lines.style)
        // Read once: each access to an option is a lookup.
        let (json, limit) = (json, limit)
        let isStreamed = capture.isStreamed
        var failure: (any Error)?
        do {
            let report = try capture.forEach(selection) { item in
                if let failure { throw failure }
                guard case .envelope(let envelope) = item else {
                    if !json, case .event(let event, let time) = item, let line = Self.line(event, at: time) {
                        // In its place among the lines.
                        try output.flush()
                        bar.clear()
                        StandardError.print(line)
                    }
                    return
                }
                envelopes += 1
                try output.append { buffer in
                    if json {
                        EnvelopeJSON.append(envelope, to: &buffer)
                        buffer.append(UInt8(ascii: "\n"))
                    } else {
                        lines.append(envelope, to: &buffer)
                    }
                }
                if envelopes == limit { throw CaptureReadingEnd() }
            } progress: {
                bar.update(done: $0.done, detail: Format.count(envelopes, "envelope"))
                // The next envelopes of a pipe may take long to arrive.
                if isStreamed, failure == nil {
                    do { try output.flush() } catch { failure = error }
                }
            }
            if let failure { throw failure }
            try output.flush()
            bar.finish()
            try report.complain()
        } catch let error as OutputError where error.isBrokenPipe {
            return
        }
    }
}
