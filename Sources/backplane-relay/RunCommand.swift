import ArgumentParser
import Backplane
import Capture
import Forward
import LivePage
import Logging
import MCAP
import NIOConcurrencyHelpers
import NIOPosix
import Preflight
import Redis
import Relay
import Time

struct RunCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "run",
        abstract: "Observe a live backplane: serve metrics and the live page, record with --record.",
        discussion: """
            Examples:
              backplane-relay run --redis redis://127.0.0.1:6379 --channel chat \\
                --record /var/lib/backplane-relay
              BACKPLANE_RELAY_REDIS='redis.example:6379,password=...' \\
                backplane-relay run --channel chat
              backplane-relay run --redis redis://127.0.0.1:6379 --channel chat \\
                --forward redis://staging:6379
              backplane-relay run --check-only --redis redis.example --channel chat
              backplane-relay run --redis redis.example,channelPrefix=app: --core
              backplane-relay run --redis redis.example --channel chat --tap

            It subscribes and reads; with --tap it reads the replication stream instead. It publishes nothing into \
            the Redis that it watches, except with --ping and --markers. SIGTERM or SIGINT stops it; it first writes \
            what was received, and reads the counters so that the capture shows what was lost.

            SIGHUP starts a new segment and reopens the log file. SIGUSR1 logs a line of figures. SIGUSR2 writes \
            pending envelopes and syncs them to disk.

            Exit status 3 if a relay with --record lost envelopes: it dropped them, or never received them because \
            the connection was lost.
            """)

    @OptionGroup(title: "Redis connection") var redis: RedisOptions
    @OptionGroup(title: "Redis connection") var server: PreferOptions

    @Option(
        help: ArgumentHelp(
            "Event key of SignalR 2 (\"AppName\" in Startup.cs). Repeat it for more channels.", valueName: "key"))
    var channel: [String] = []

    @OptionGroup(title: "ASP.NET Core SignalR") var core: CoreOptions

    @Option(
        help: ArgumentHelp(
            """
            Ping nodes of ASP.NET Core SignalR at this interval, 1s or longer, and measure the time to their acks. It \
            publishes group commands that change nothing. Off by default.
            """, valueName: "duration"))
    var ping: TimeSpan?

    @Option(
        help: ArgumentHelp(
            """
            Publish a marker at this interval (1s or longer) on the relay's own channel, and compare the server's \
            count of PUBLISH between two markers with what was received. This bounds how many envelopes an \
            interruption lost, on both backplanes. For servers that refuse --tap. Needs the rights +multi +exec +info \
            +publish. Off by default.
            """, valueName: "duration"))
    var markers: TimeSpan?

    @OptionGroup(title: "Limits") var limits: LimitOptions
    @OptionGroup(title: "Limits") var scan: ChannelScanOptions
    @OptionGroup(title: "Replication stream") var tap: TapOptions

    @Flag(help: "Examine Redis, its channels and the record directory, say what could go wrong, and exit.")
    var checkOnly = false

    @OptionGroup(title: "Recording") var recording: RecordingOptions
    @OptionGroup(title: "Forwarding") var forwarding: ForwardOptions
    @OptionGroup(title: "Web") var web: WebOptions
    @OptionGroup(title: "Logging") var log: LogOptions

    @Flag(help: "Show the values of messages on the live page: what users write to each other.")
    var showPayloads = false

    func validate() throws {
        try watched.validate()
        try validatePing()
        try validateMarkers()
        guard !showPayloads || recording.recordsAllOfPayloads else {
            throw ValidationError(
                "--show-payloads: would show what --payload, --redact-json-keys or --names keeps out of the capture; use only one of them"
            )
        }
    }

    private func validatePing() throws {
        guard let ping else { return }
        guard core.isGiven else {
            throw ValidationError(
                "--ping: pings nodes of ASP.NET Core SignalR; watch their hubs as well (--core, or --core-hub TYPE)")
        }
        try ping.require(.milliseconds(1_000)...(.hours(24)), "--ping")
        guard scan.maxChannelScan > 0 else {
            throw ValidationError(
                "--ping: finds connections by the names of their channels, which --max-channel-scan 0 does not ask for")
        }
    }

    private func validateMarkers() throws {
        guard let markers else { return }
        try markers.require(.milliseconds(1_000)...(.hours(24)), "--markers")
        guard tap.policy == nil else {
            throw ValidationError(
                "--markers: use it only without --tap, because the offsets of the replication stream already prove what was received"
            )
        }
    }

    private var watched: WatchedBackplanes { WatchedBackplanes(channels: channel, core: core) }

    func run() async throws {
        let log = try log.makeLog()
        let redis = try redis.configuration(logger: log.logger, watching: watched).namedAsObserver()
            .watching(server.prefer)
        if checkOnly { return try await check(redis) }
        let attachment = try core.attachment(redis: redis)
        var configuration = RelayConfiguration(
            redis: redis, backplanes: watched.backplanes(attachment), core: attachment,
            recording: recording.writer(channels: channel),
            payload: try recording.payloadPolicy(), housekeeping: try recording.housekeeping(),
            bufferBytes: limits.buffer.bytes,
            web: WebConfiguration(host: web.listen.host, port: web.listen.port, access: try web.access()),
            maxChannelScan: scan.maxChannelScan, version: BackplaneRelay.version, hostName: HostName.current())
        configuration.tap = tap.policy
        configuration.pingInterval = ping.map { .nanoseconds(Int64(clamping: $0.nanoseconds)) }
        configuration.markerInterval = markers.map { .nanoseconds(Int64(clamping: $0.nanoseconds)) }
        // First, because its metrics measure every command.
        let parts = RelayParts(configuration, logger: log.logger)
        let notice = await BackplaneNotice.look(
            at: parts.configuration.redis, channels: channel, core: attachment, maxChannelScan: scan.maxChannelScan)
        try notice.require()
        try await forwarding.requireTarget(
            from: parts.configuration.redis, channels: channel, hubs: attachment?.namedHubs ?? [])
        log.logger.notice(
            "watching",
            metadata: [
                "redis": "\(redis.endpoint)", "channels": "\(watched.title(attachment))",
                "recording": "\(recording.record ?? "off (no --record)")",
            ])
        notice.log(to: log.logger)
        let supervisor = SystemdNotifier()
        let forwarder = try forwarding.forwarder(from: parts.configuration.redis, context: parts.context)
        let page = LivePage(
            LivePageConfiguration(
                showsValues: showPayloads,
                onSnapshot: StandardError.isTerminal ? Self.statusLine(below: log.destination) : nil),
            of: parts)
        let relay = Relay(
            parts, consumers: (forwarder.map { [$0] } ?? []) + [page], pages: page, supervisor: supervisor)
        // However the command ends, the shell's prompt starts on a new line.
        defer { log.destination.show(statusLine: "") }
        try await ServiceRunner.run(
            relay, log: log,
            signals: SignalActions(
                hangup: { relay.rotate() }, user1: { relay.logStatistics() }, user2: { relay.flush() }),
            onStop: { supervisor?.stopping() })
        try relay.losses.verdict.exit()
    }

    private static func statusLine(below log: LogDestination) -> @Sendable (RelaySnapshot) -> Void {
        let line = NIOLockedValueBox(StatusLine())
        return { glance in
            log.show(statusLine: line.withLockedValue { $0.text(glance, width: StandardError.width) })
        }
    }

    private func check(_ redis: RedisConfiguration) async throws {
        let report = await Preflight.run(
            redis: redis, channels: channel, core: try core.attachment(redis: redis), tap: tap.policy,
            directory: recording.record, maxChannelScan: scan.maxChannelScan,
            eventLoopGroup: MultiThreadedEventLoopGroup.singleton)
        let forward = try await forwarding.look(
            from: redis, channels: channel, hubs: try core.attachment(redis: redis)?.namedHubs ?? [])
        var problems = web.problems()
        if let problem = forward?.problem { problems.append(ForwardOptions.sentence(of: problem)) }
        if ping != nil, report.cluster != nil {
            problems.append(
                "--ping: not supported at a cluster, where the reply to PUBLISH does not show whether a node is subscribed; leave it out"
            )
        }
        var marking: MarkerReport?
        if markers != nil, report.cluster != nil {
            problems.append(
                "--markers: not supported at a cluster, where each node counts only its own PUBLISHes; leave it out")
        } else if markers != nil, report.unreachable == nil, report.objection == nil {
            marking = await MarkerReport.ask(redis, eventLoopGroup: MultiThreadedEventLoopGroup.singleton)
        }
        let printer = PreflightPrinter(
            report: report,
            findings: report.findings(minimumFreeBytes: UInt64(recording.minFreeDisk.bytes))
                + [marking?.finding].compactMap(\.self) + problems.map { .problem($0) }
                + web.warnings().map { .warning($0) },
            forward: forward.map { "\($0.endpoint)\($0.server.map { ", \($0.title), \($0.mode)" } ?? "")" },
            listen: web.listen.defaultValueDescription, ping: ping?.description,
            markers: markers?.description)
        try StandardOutput.print(lines: printer.lines)
        guard printer.passed else { throw ExitCode.failure }
    }
}

/// The status line of `run` on a terminal: the live page's sentences, and what is written.
struct StatusLine {
    private var last: RelaySnapshot?

    /// - Parameter width: columns of the terminal.
    mutating func text(_ glance: RelaySnapshot, width: Int) -> String {
        defer { last = glance }
        var parts = [channels(glance.channels, areRecorded: glance.records)]
        if glance.writtenBytes > 0 {
            let rate = last.map { "\(Format.bytes(max(0, glance.writtenBytes - $0.writtenBytes)))/s, " } ?? ""
            let ratio = Double(glance.recordedBytes) / Double(glance.writtenBytes)
            parts.append(
                "written \(rate)\(Format.bytes(glance.writtenBytes)), ratio \(Format.decimal(ratio, digits: 1))")
        }
        // A line of the full width might make the terminal scroll.
        let (line, room) = (parts.joined(separator: "  "), max(3, width - 1))
        return line.count <= room ? line : line.prefix(room - 3) + "..."
    }

    /// With several channels, those that need action, if any.
    private func channels(_ channels: [RelaySnapshot.Channel], areRecorded: Bool) -> String {
        if channels.count == 1 { return describe(channels[0]) }
        let troubled = channels.filter { !$0.isCalm }
        guard !troubled.isEmpty else {
            // After a minute a loss is no longer a problem to act on, but ids stay missing.
            let missing = channels.reduce(0) { $0 + $1.missing }
            let hubs = channels.count { $0.isHub }
            let state =
                if missing > 0 {
                    "no trouble now, ids missing since the start: \(Format.count(missing))"
                } else if hubs == channels.count {
                    "no trouble, completeness unknown"
                } else {
                    hubs == 0 ? "nothing missing" : "nothing missing of SignalR 2, unknown for ASP.NET Core"
                }
            return "\(Self.number(of: channels)), \(state)" + (areRecorded ? "" : ", not recorded")
        }
        return "\(troubled.count) of \(Self.number(of: channels)): " + troubled.map(describe).joined(separator: "; ")
    }

    /// `2 channels`, `3 hubs`, `1 channel and 3 hubs`.
    private static func number(of channels: [RelaySnapshot.Channel]) -> String {
        let hubs = channels.count { $0.isHub }
        let keys = channels.count - hubs
        if hubs == 0 { return Format.count(keys, "channel") }
        return (keys == 0 ? "" : Format.count(keys, "channel") + " and ") + Format.count(hubs, "hub")
    }

    private func describe(_ channel: RelaySnapshot.Channel) -> String {
        var sentence = channel.sentence
        for (index, time) in channel.times.enumerated() {
            sentence.replace("{\(index)}", with: LocalTime.clock(at: time))
        }
        return PrintableText.line("\(channel.name)  \(sentence)".utf8)
    }
}
