import ArgumentParser
import Backplane
import Capture
import FoundationEssentials
import NIOConcurrencyHelpers
import Redis
import Replay
import Time

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

struct ReplayCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replay",
        abstract: "Publish a capture into another Redis, in its order and pace.",
        discussion: """
            Examples:
              backplane-relay replay captures --to redis://staging:6379
              backplane-relay replay captures --to redis://staging:6379 --from -15m \\
                --hub chatHub --speed 10 --yes
              backplane-relay replay captures --to redis://staging:6379 \\
                --map-channel chat=chat-staging --dry-run
              backplane-relay replay captures --to redis://staging:6379 \\
                --map-prefix prod:=staging: --protocols json,messagepack

            Captured ids are not published unless you ask. --ids reissue: the target's counter gives new ids, as for \
            any node, and real nodes accept them. --ids rebase keeps the distances, so nodes see the same gaps. \
            --ids preserve publishes the captured bytes; only nodes that start afterwards, or tools, can use them.

            Envelopes of ASP.NET Core have no ids: their captured bytes are published on their captured channels. \
            Kinds that are meaningless at another Redis are left out and counted: envelopes for single connections, \
            group commands, acks, and client results with their calls (--include).

            If the target has subscribers, it shows what it would do and asks; --yes confirms. On a terminal: space \
            pauses, . publishes one envelope, + and - change the speed, q or Ctrl-C stops it.

            Exit status 3 if part of the selection could not be read or published, may have been published twice, or \
            was lost by the recording; --dry-run reports this too.
            """)

    @OptionGroup var captures: CaptureArguments

    @Option(
        help: ArgumentHelp(
            "Target Redis: an address as for 'run --redis', a URL or a StackExchange.Redis string.", valueName: "url"))
    var to: String

    @OptionGroup(title: "Redis connection") var connection: RedisConnectionOptions
    @OptionGroup(title: "Selection") var selection: SelectionOptions
    @OptionGroup(title: "Pace") var pace: PaceOptions
    @OptionGroup(title: "Renaming") var mapping: MappingOptions
    @OptionGroup(title: "ASP.NET Core") var core: CoreReplayArguments

    @Option(help: ArgumentHelp("What to do with the captured ids: reissue, rebase or preserve.", valueName: "mode"))
    var ids = IDsArgument(.reissue)

    @Flag(help: "Publish captured ids even if the target's counter is beyond them, or it has subscribers.")
    var force = false

    @Flag(help: "Set each envelope's creation time to the time it is published, so that latencies make sense.")
    var restamp = false

    @Option(
        help: ArgumentHelp(
            "File that records how far the replay has come. Started again with it, the replay continues there.",
            valueName: "file"))
    var checkpoint: String?

    @Flag(help: "Reconnect and continue if the target is lost, or refuses for a temporary reason.")
    var retry = false

    @Flag(help: "Publish even if the target has subscribers.")
    var yes = false

    @Flag(help: "Say what would be done, and exit.")
    var dryRun = false

    @Flag(help: "Print the report, or with --dry-run what would be done, as one JSON object.")
    var json = false

    @Flag(help: "Allow the server and event key that were recorded: live clients there receive the messages again.")
    var allowSource = false

    @Flag(help: "Do not warn that values in the capture are hashed or redacted.")
    var allowRedacted = false

    func validate() throws {
        _ = try connection.configuration(of: to, option: "--to")
        if ids.ids == .preserve, pace.loop.rounds != 1 {
            throw ValidationError("--loop: the same ids cannot be published twice; use --ids reissue or rebase")
        }
        if force, ids.ids == .reissue {
            throw ValidationError("--force: it is about captured ids, so it needs --ids preserve or rebase")
        }
    }

    func run() async throws {
        let target = try connection.configuration(of: to, option: "--to")
        for warning in connection.warnings(for: target) { StandardError.print("warning: \(warning)") }
        let capture = try captures.open(streams: .spool)
        warnOfRedaction(in: capture)
        let options = try options(for: capture)
        let control = ReplayControl()
        let bar = ProgressBar(label: "reading", total: capture.size)
        let terminal = NIOLockedValueBox<ReplayTerminal?>(nil)
        let forecast = NIOLockedValueBox<ReplayForecast?>(nil)
        let replayer = Replayer(
            capture: capture, target: target, options: options, hostName: HostName.current(), control: control)
        let report: ReplayReport?
        do {
            report = try await replayer.run(
                approving: { expected, found in
                    bar.finish()
                    forecast.withLockedValue { $0 = expected }
                    guard try approve(expected, found, options) else { return false }
                    // From now on Ctrl-C ends with a report; a second Ctrl-C ends without.
                    let interrupts = await Interrupts.trapped()
                    Task {
                        await interrupts.next()
                        control.stop()
                        await interrupts.next()
                        terminal.withLockedValue { $0?.finish() }
                        Glibc.exit(130)
                    }
                    terminal.withLockedValue {
                        $0 = ReplayTerminal.start(control, line: ReplayLine(expected, options))
                    }
                    return true
                }, progress: { bar.update(done: $0.done) },
                onRetry: { cause in
                    if terminal.withLockedValue({ $0 != nil }) { StandardError.write("\r\u{1B}[K") }
                    StandardError.print("\(cause); trying again")
                })
            terminal.withLockedValue { $0?.finish() }
        } catch {
            bar.finish()
            terminal.withLockedValue { $0?.finish() }
            if case ReplayError.stopped(let report, _) = error { try show(report) }
            throw error
        }
        guard let report else {
            if dryRun { try forecast.withLockedValue { $0 }?.recording.exit() }
            return
        }
        try show(report)
        if !report.isComplete { throw ExitCode.lossOrDamage }
        try report.recording.exit()
    }

    private func options(for capture: CaptureReader) throws -> ReplayOptions {
        ReplayOptions(
            selection: try selection.selection(of: capture, unknownChannels: .refused), channel: mapping.toChannel,
            channelMap: try mapping.channels, hubMap: try mapping.hubs, speed: pace.effectiveSpeed,
            longestPause: pace.capGap?.nanoseconds, startAt: pace.startAt, limit: pace.limit, rounds: pace.loop.rounds,
            ids: ids.ids, restamps: restamp, allowsSource: allowSource, forcesIDs: force, retries: retry,
            checkpoint: checkpoint, groupMap: try mapping.groups, userMap: try mapping.users,
            core: core.options(prefixMap: try mapping.prefixes))
    }

    private func warnOfRedaction(in capture: CaptureReader) {
        guard !allowRedacted,
            capture.sources().contains(where: { $0.payload == .hash || !$0.redactedKeys.isEmpty || $0.hashesNames })
        else { return }
        StandardError.print(
            "warning: values or names in this capture are hashed or redacted, and clients will receive them like that; --allow-redacted confirms that this is intended"
        )
    }

    /// Prints the forecast, and asks if the target has subscribers.
    private func approve(_ forecast: ReplayForecast, _ found: ReplayTarget, _ options: ReplayOptions) throws -> Bool {
        let table = ForecastTable(forecast: forecast, target: found, options: options)
        for name in forecast.unusedNames(of: options.selection) { StandardError.print("warning: \(name)") }
        for warning in table.warnings { StandardError.print("warning: \(warning)") }
        if dryRun {
            try StandardOutput.print(
                lines: json ? [PrintableText.json(try Self.text(ForecastSummary(table)))] : table.lines)
            return false
        }
        guard let who = table.listeners, !yes else { return true }
        for line in table.lines { StandardError.print(line) }
        guard StandardError.isTerminal, StandardInput.isTerminal else { throw ReplayError.someoneListens(who) }
        StandardError.print("\(who). Publish? [y/N]")
        guard ["y", "yes"].contains((readLine() ?? "").lowercased()) else {
            StandardError.print("nothing was published")
            throw ExitCode.failure
        }
        return true
    }

    private static func text(_ summary: some Encodable) throws -> String {
        let encoder = JSONEncoder()
        encoder.outputFormatting = [.sortedKeys]
        return String(decoding: try encoder.encode(summary), as: UTF8.self)
    }

    private func show(_ report: ReplayReport) throws {
        if json {
            print(json: try Self.text(ReplaySummary(report)))
        } else {
            print(ReplayTable.text(report))
        }
        for damage in report.damage.prefix(20) { StandardError.print("damage: \(damage)") }
        for loss in report.losses.prefix(20) { StandardError.print("lost: \(loss)") }
        if report.recording.hasLoss {
            StandardError.print(
                "lost: the recording lost envelopes while it should have run; 'info' says which and why")
        }
        if report.skipped > 0 {
            StandardError.print(
                "\(Format.count(report.skipped, "envelope is", "envelopes are")) not valid (no id, or undecodable): not published"
            )
        }
        for (reason, count) in report.refused.sorted(by: { $0.key < $1.key }) {
            StandardError.print(ForecastTable.refusal(reason, count) + ": not published")
        }
        if report.reachedNobody {
            StandardError.print(
                "warning: no publish reached a receiver: there are no subscribers; are the target's nodes running, and on this event key?"
            )
        }
        if report.uncertainCount > 0 {
            let what =
                report.failure == nil
                ? "may have been published twice"
                : "\(report.uncertainCount == 1 ? "was" : "were") not answered"
            let ids =
                report.uncertain.allSatisfy { $0 == nil } ? "" : ": captured ids \(UncertainIDs.text(report.uncertain))"
            StandardError.print("\(Format.count(report.uncertainCount, "envelope")) \(what)\(ids)")
        }
        if report.wasStopped {
            let place =
                report.lastCapturedID.map { "after captured id \($0)" }
                ?? "after \(Format.count(report.confirmed, "envelope"))"
            StandardError.print(
                "stopped before the end, \(place)"
                    + (checkpoint != nil ? "; the same command continues there" : ""))
        }
    }
}

/// `reissue`, `rebase`, `preserve`.
struct IDsArgument: ExpressibleByArgument {
    static let allValueStrings = ReplayOptions.IDs.allCases.map(\.rawValue)

    let ids: ReplayOptions.IDs

    init(_ ids: ReplayOptions.IDs) {
        self.ids = ids
    }

    init?(argument: String) {
        guard let ids = ReplayOptions.IDs(rawValue: argument) else { return nil }
        self.ids = ids
    }

    var defaultValueDescription: String { ids.rawValue }
}

/// Captured ids; consecutive ones as ranges.
enum UncertainIDs {
    private static let listedRanges = 20

    /// - Parameter ids: nil for an envelope without id.
    static func text(_ ids: [UInt64?]) -> String {
        var ranges: [(UInt64?, UInt64?)] = []
        for id in ids {
            if let id, let last = ranges.last?.1, last < id, last + 1 == id {
                ranges[ranges.count - 1].1 = id
            } else {
                ranges.append((id, id))
            }
        }
        let texts = ranges.prefix(listedRanges).map { first, last in
            guard let first, let last else { return "?" }
            return first == last ? "\(first)" : "\(first)..\(last)"
        }
        return texts.joined(separator: ", ") + (ranges.count > listedRanges ? ", ..." : "")
    }
}
