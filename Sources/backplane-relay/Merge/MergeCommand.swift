import ArgumentParser
import Backplane
import Capture
import Time

struct MergeCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "merge",
        abstract: "Merge captures of the same backplane into one.",
        discussion: """
            Examples:
              backplane-relay merge /captures/relay-a /captures/relay-b -o /captures/both

            The result has each envelope once, in the order of ids, with the earliest time of receipt. What one \
            capture lacks and another has is no longer missing; ids that all lack become a 'gap' event with the \
            cause given by one of them. An id with different payloads is kept with all of them and counted as a conflict. Hubs \
            of ASP.NET Core are refused: without ids two equal payloads may or may not be the same envelope.

            Exit status 3 if ids stay missing that were lost while a relay should have recorded, if payloads \
            conflict, or if part of a capture could not be read. 0 if ids stay missing because no relay recorded or \
            no node published them.
            """)

    @OptionGroup var captures: SeveralCaptures

    @Option(
        name: [.short, .long],
        help: ArgumentHelp("Directory for the new capture; created if it does not exist.", valueName: "dir"))
    var output: String

    @OptionGroup(title: "Selection") var selection: SelectionOptions

    func validate() throws {
        if output.isEmpty { throw ValidationError("-o: name a directory") }
    }

    func run() throws {
        let captures = try captures.open()
        guard let first = captures.first else { return }
        let selection = try selection.selection(of: first, others: Array(captures.dropFirst()))
        try self.captures.checkIDs(
            captures, selected: selection, purpose: "these captures cannot be merged; select event keys by --channel")
        var merge = CaptureMerge(
            captures, selection: selection,
            horizon: self.captures.horizon.nanoseconds,
            relayVersion: BackplaneRelay.version, host: HostName.current())
        let bar = ProgressBar(label: "merge", total: nil)
        defer { bar.finish() }
        let outcome = try merge.write(to: output) { count in
            bar.update(done: UInt64(count), detail: Format.count(count, "envelope"))
        }
        bar.finish()
        if outcome.servers.count > 1 {
            StandardError.print(
                "warning: the captures are of \(outcome.servers.count) Redis processes; that is right if Redis was restarted, and wrong if these are different backplanes"
            )
        }
        for (channel, result) in outcome.channels.sorted(by: { $0.key < $1.key }) { print(text(channel, result)) }
        for damage in outcome.damage.prefix(20) { StandardError.print("damage: \(damage)") }
        for line in outcome.doubts.lines { StandardError.print("cannot tell: \(line)") }
        if outcome.conflicts > 0 { throw ExitCode.lossOrDamage }
        try outcome.verdict.exit()
    }

    private func text(_ channel: String, _ result: CaptureMerge.ChannelOutcome) -> String {
        let total = result.shared + result.onlyIn.reduce(0, +)
        var lines = [row("channel", channel), row("envelopes", Format.count(total))]
        lines.append(row("in several", Format.count(result.shared)))
        for (input, count) in result.onlyIn.enumerated() {
            lines.append(row("only in", "\(captures.capture[input]): \(Format.count(count))"))
        }
        if result.resets > 0 { lines.append(row("resets", Format.count(result.resets))) }
        if result.conflicts > 0 {
            let conflicts = Format.count(result.conflicts, "envelope shares", "envelopes share")
            lines.append(row("conflicts", "\(conflicts) an id"))
        }
        let ranges = result.missing.prefix(10).map {
            $0.count == 1 ? "\($0.lowerBound)" : "\($0.lowerBound)..\($0.upperBound)"
        }
        lines.append(
            row(
                "missing",
                result.missingIDs == 0
                    ? "nothing"
                    : "\(Format.count(result.missingIDs, "id")) that no capture has: \(ranges.joined(separator: ", "))\(result.missing.count > 10 ? ", ..." : "")"
            ))
        return lines.joined(separator: "\n")
    }

    private func row(_ label: String, _ value: String) -> String {
        label.padding(to: 14) + value
    }
}
