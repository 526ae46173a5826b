import ArgumentParser
import Backplane
import Capture
import JSON
import MessageLines
import Time

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

struct DiffCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "diff",
        abstract: "Show which envelopes only one of two captures has.",
        discussion: """
            Examples:
              backplane-relay diff /captures/relay-a /captures/relay-b
              backplane-relay diff a.mcap b.mcap --hub chatHub --all

            It prints a line for each run of ids: '<' only in the first, '>' only in the second, '!' an id with other \
            bytes. --all prints the messages themselves, as 'cat' does. --json prints one object per run, or per \
            envelope. Hubs of ASP.NET Core are refused: without ids two equal payloads may or may not be the same \
            envelope.

            Exit status 0 if there is no difference, 3 if there is.
            """)

    @OptionGroup var captures: SeveralCaptures

    @Flag(help: "Print each envelope instead of runs of ids.")
    var all = false

    @Flag(help: "Print JSON lines; with --all, each envelope as 'cat --json' prints it.")
    var json = false

    @OptionGroup(title: "Selection") var selection: SelectionOptions

    func validate() throws {
        guard captures.capture.count == 2 else { throw ValidationError("name two captures") }
    }

    func run() throws {
        signal(SIGPIPE, SIG_IGN)
        let captures = try captures.open()
        let selection = try selection.selection(of: captures[0], others: Array(captures.dropFirst()))
        try self.captures.checkIDs(
            captures, selected: selection,
            purpose: "these captures cannot be compared; select event keys by --channel")
        var alignment = CaptureAlignment(
            captures, selection: selection,
            horizon: self.captures.horizon.nanoseconds)
        var output = StandardOutput()
        var runs = DifferenceRuns()
        var lines = MessageLine(.ofStandardOutput(margin: 2))
        do {
            let damage = try alignment.forEach { item in
                guard case .envelope(let envelope) = item else { return }
                guard let run = runs.add(envelope) else { return }
                if all { try output.append { append(envelope, run.kind, &lines, to: &$0) } }
            }
            if !all {
                for run in runs.finished() {
                    try output.append { $0.append(contentsOf: json ? run.json : Array(run.text.utf8)) }
                    try output.append { $0.append(UInt8(ascii: "\n")) }
                }
            }
            try output.flush()
            if !all, runs.unlisted > 0 {
                StandardError.print(
                    "and \(Format.count(runs.unlisted, "difference")) after these; --all prints every one")
            }
            for damage in damage.prefix(20) { StandardError.print("damage: \(damage)") }
            StandardError.print(
                "\(Format.count(runs.same, "envelope")) in both, \(Format.count(runs.counts[.onlyInFirst] ?? 0)) only in the first, \(Format.count(runs.counts[.onlyInSecond] ?? 0)) only in the second, \(Format.count(runs.counts[.conflict] ?? 0)) with other bytes"
            )
            if !runs.counts.isEmpty || !damage.isEmpty { throw ExitCode.lossOrDamage }
        } catch let error as OutputError where error.isBrokenPipe {
            return
        }
    }

    private func append(
        _ envelope: CaptureAlignment.Envelope, _ kind: DifferenceRuns.Kind, _ lines: inout MessageLine,
        to output: inout [UInt8]
    ) {
        envelope.payload.withUnsafeBytes { payload in
            if json {
                output.append(contentsOf: #"{"difference":"\#(kind.label)","envelope":"#.utf8)
                EnvelopeJSON.append(
                    payload: payload, channel: envelope.channel, receivedAt: envelope.receivedAt, to: &output)
                output.append(contentsOf: "}\n".utf8)
            } else {
                output.append(contentsOf: "\(kind.rawValue) ".utf8)
                lines.append(
                    CapturedEnvelope(
                        channel: envelope.channel, receivedAt: envelope.receivedAt, payload: payload), to: &output)
            }
        }
    }
}

/// Combines consecutive differences into one line.
struct DifferenceRuns {
    enum Kind: Character, CaseIterable {
        case onlyInFirst = "<"
        case onlyInSecond = ">"
        /// Same id, different bytes.
        case conflict = "!"

        /// For JSON.
        var label: String {
            switch self {
            case .onlyInFirst: "only_in_first"
            case .onlyInSecond: "only_in_second"
            case .conflict: "other_bytes"
            }
        }
    }

    struct Run {
        let kind: Kind
        let channel: String
        var first: UInt64?
        var last: UInt64?
        var count = 1

        var text: String {
            let ids: String
            switch (first, last) {
            case (let first?, let last?): ids = first == last ? "id \(first)" : "ids \(first)..\(last)"
            default: ids = "without id"
            }
            return "\(kind.rawValue) \(channel)  \(ids)  \(count) \(count == 1 ? "envelope" : "envelopes")"
        }

        /// `{"difference", "channel", "from_id", "to_id", "envelopes"}`; ids are null if absent.
        var json: [UInt8] {
            var writer = JSONWriter()
            writer.raw(#"{"difference":"\#(kind.label)","channel":"#)
            writer.string(channel)
            let ids = [first, last].map { id in id.map { "\($0)" } ?? "null" }
            writer.raw(#","from_id":\#(ids[0]),"to_id":\#(ids[1]),"envelopes":\#(count)}"#)
            return writer.bytes
        }
    }

    /// Runs kept for printing.
    static let limit = 10_000

    /// Number of runs beyond the limit.
    private(set) var unlisted = 0
    private(set) var same = 0
    private(set) var counts: [Kind: Int] = [:]
    private var runs: [Run] = []
    /// Index of each channel's run that may still grow.
    private var open: OrdinalNameMap<Int> = [:]

    /// - Returns: the kind of difference; nil if there is none.
    mutating func add(_ envelope: CaptureAlignment.Envelope) -> Run? {
        let kind: Kind
        if envelope.isConflict {
            kind = .conflict
        } else if envelope.inputs.count > 1 {
            same += 1
            open[envelope.channel] = nil
            return nil
        } else {
            kind = envelope.inputs.contains(0) ? .onlyInFirst : .onlyInSecond
        }
        counts[kind, default: 0] += 1
        let run = Run(kind: kind, channel: envelope.channel, first: envelope.id, last: envelope.id)
        if let index = open[envelope.channel], runs[index].kind == kind, let last = runs[index].last,
            let id = envelope.id, id >= last
        {
            runs[index].last = id
            runs[index].count += 1
        } else if runs.count < Self.limit {
            open[envelope.channel] = runs.count
            runs.append(run)
        } else {
            open[envelope.channel] = nil
            unlisted += 1
        }
        return run
    }

    func finished() -> [Run] { runs }
}
