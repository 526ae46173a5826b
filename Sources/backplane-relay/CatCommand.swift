import ArgumentParser
import Capture

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
              kubectl exec relay -- cat /data/chat.mcap | backplane-relay cat -
              backplane-relay cat --from -15m --hub chatHub --signal 'hg-*.ops' /var/lib/backplane-relay

            Options that select can be combined: all that are given must fit, of the values of one option one. An envelope
            is selected if one of its messages fits; one that does not decode if nothing is asked of messages.

            Without --json: a line a message with time, id, signal, hub.method and size; with --values the arguments too,
            at the end. On a terminal times are local (--utc) and lines end at its width; in a pipe they are whole, and times
            are RFC 3339 in UTC. With --json: a JSON object an envelope. Exit status 3 if part of the capture could not be
            read, or the recording lost envelopes in what is selected; it says on standard error what.
            """)

    @OptionGroup var captures: CaptureArguments

    @Flag(help: "One JSON object an envelope.")
    var json = false

    @OptionGroup var lines: LineOptions

    @Option(help: "End after this many envelopes, 1 or more; what is behind them is not read.")
    var limit: Int?

    @OptionGroup var selection: SelectionOptions

    func validate() throws {
        try lines.validate(json: json)
        if let limit, limit < 1 { throw ValidationError("--limit: \(limit) envelopes cannot be printed; 1 or more") }
    }

    func run() throws {
        // A reader that stops early, as `head` does, ends the printing, not with a signal but quietly.
        signal(SIGPIPE, SIG_IGN)
        let capture = try captures.open()
        let selection = try selection.selection(of: capture)
        var output = StandardOutput()
        var envelopes = 0
        let bar = ProgressBar(label: "cat", total: capture.knownSize, printsMeanwhile: true)
        defer { bar.finish() }
        var lines = MessageLine(lines.style)
        // Read once: an option is looked up each time.
        let (json, limit) = (json, limit)
        let isStreamed = capture.isStreamed
        var failure: (any Error)?
        do {
            let report = try capture.forEach(selection) { item in
                guard case .envelope(let envelope) = item else { return }
                if let failure { throw failure }
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
                // Of a pipe the next envelopes may be long in coming.
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
