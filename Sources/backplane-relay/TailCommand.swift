import ArgumentParser
import Backplane
import Capture
import Preflight
import Redis
import Relay
import Time

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

struct TailCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "tail",
        abstract: "Print the messages of a live backplane, decoded, as they arrive.",
        discussion: """
            Examples:
              backplane-relay tail --redis redis://127.0.0.1:6379 --channel chat
              backplane-relay tail --redis redis://127.0.0.1:6379 --channel chat \\
                --hub chatHub --grep error --limit 10
              BACKPLANE_RELAY_REDIS='redis.example:6379,password=...' \\
                backplane-relay tail --channel chat --json
              backplane-relay tail --redis redis.example --core-hub Chat.Hubs.ChatHub

            The lines and the options that select are those of 'cat'. On a terminal times are local (--utc for UTC); \
            in a pipe and in JSON they are RFC 3339 in UTC. Gaps, counter resets and lost connections are logged on \
            standard error; with --json they are objects with an "event" among the others.

            It subscribes and always reads. If the reader of its output is slower than the traffic, envelopes are \
            dropped and counted, and the exit status is 3. Ctrl-C or SIGTERM ends it.
            """)

    @OptionGroup(title: "Redis connection") var redis: RedisOptions
    @OptionGroup(title: "Redis connection") var server: PreferOptions

    @Option(
        help: ArgumentHelp(
            "Event key of SignalR 2 (\"AppName\" in Startup.cs). Repeat it for more channels.", valueName: "key"))
    var channel: [String] = []

    @OptionGroup(title: "ASP.NET Core SignalR") var core: CoreOptions

    @OptionGroup(title: "Selection") var envelopes: EnvelopeOptions

    @Flag(help: "Print one JSON object per envelope, and one per event.")
    var json = false

    @OptionGroup(title: "Output") var lines: LineOptions

    @Option(help: ArgumentHelp("Exit after this many envelopes, 1 or more.", valueName: "count"))
    var limit: Int?

    @Option(help: ArgumentHelp("Exit after this time, such as 10s.", valueName: "time"))
    var duration: TimeSpan?

    @Option(
        help: ArgumentHelp(
            "Memory for envelopes that wait to be printed; when it is full, new ones are dropped and counted. 1MiB or more.",
            valueName: "size"))
    var buffer = ByteSize(bytes: 16 << 20)

    @OptionGroup var scan: ChannelScanOptions

    @OptionGroup(title: "Logging") var log: LogOptions

    func validate() throws {
        try watched.validate()
        try buffer.require(
            atLeast: ByteSize(bytes: 1 << 20), "--buffer",
            because: "\(Format.count(buffer.bytes, "byte holds", "bytes hold")) too few envelopes")
        try lines.validate(json: json)
        if let limit, limit < 1 { throw ValidationError("--limit: \(limit) envelopes cannot be printed; 1 or more") }
    }

    private var watched: WatchedBackplanes { WatchedBackplanes(channels: channel, core: core) }

    func run() async throws {
        // A reader that stops early, like `head`, ends the command quietly instead of by a signal.
        signal(SIGPIPE, SIG_IGN)
        let log = try log.makeLog()
        defer { log.destination.finish() }
        let redis = try redis.configuration(logger: log.logger, watching: watched).namedAsObserver("tail")
            .watching(server.prefer)
        let attachment = try core.attachment(redis: redis)
        let notice = await BackplaneNotice.look(
            at: redis, channels: channel, core: attachment, maxChannelScan: scan.maxChannelScan)
        try notice.require()
        notice.log(to: log.logger)
        let tail = Tail(
            redis: redis, backplanes: watched.backplanes(attachment), core: attachment,
            selection: envelopes.selection,
            limit: limit, duration: duration.map { .nanoseconds(Int64($0.nanoseconds)) }, bufferBytes: buffer.bytes,
            maxChannelScan: scan.maxChannelScan, logger: log.logger)
        let interrupts = await Interrupts.trapped()
        let printer = { @Sendable [json, style = lines.style, logger = log.logger] stop in
            TailPrinter(json: json, style: style, stop: stop, logger: logger)
        }
        // An interrupted tail must still report what it could not print, so the result is kept.
        let outcome = try await interrupts.run { await Self.outcome { try await tail.run(to: printer) } }
        do {
            if let report = try outcome?.get() { try complain(about: report) }
        } catch let failure as TailFailure {
            if let error = failure.cause as? OutputError, error.isBrokenPipe { return }
            guard failure.cause is OutputStalled else { throw failure.cause }
            try complain(about: failure.report)
        }
    }

    private static func outcome(_ body: () async throws -> TailReport) async -> Result<TailReport, any Error> {
        do {
            return .success(try await body())
        } catch {
            return .failure(error)
        }
    }

    /// Reports on standard error what could not be printed.
    ///
    /// - Throws: exit status 3 if there was anything.
    private func complain(about report: TailReport) throws {
        guard report.droppedEnvelopes > 0 else { return }
        StandardError.print(
            "dropped: \(Format.count(report.droppedEnvelopes, "envelope")), \(Format.bytes(report.droppedBytes)): printing was "
                + "slower than the traffic; select less, or raise --buffer")
        throw ExitCode.lossOrDamage
    }
}
