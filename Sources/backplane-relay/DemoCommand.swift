import ArgumentParser
import Demo
import FoundationEssentials
import Logging
import Loopback
import NIOConcurrencyHelpers
import Relay
import Replay
import Time

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

struct DemoCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo",
        abstract: "Show everything on this machine: chat, relay, capture, replay, and the proof.",
        discussion: """
            Examples:
              backplane-relay demo --duration 20s
              backplane-relay demo --keep-running
              backplane-relay demo --duration 30s --speed 1

            The nodes serve clients of SignalR 2 and of ASP.NET Core SignalR, and join both backplanes; one relay \
            records both. It starts two redis-servers on free ports and stops them at the end; only what --record keeps remains. \
            With --keep-running, open the two chat pages in two browser windows: what one sends appears in both. \
            Ctrl-C then continues with the replay; a second one ends everything. Exit status 1 if anything differs.
            """)

    @Option(help: ArgumentHelp("How long the traffic lasts.", valueName: "time"))
    var duration = TimeSpan(nanoseconds: 20_000_000_000)

    @Option(help: ArgumentHelp("Keep the capture in this directory. Without it nothing is left.", valueName: "dir"))
    var record: String?

    @Option(
        help: ArgumentHelp(
            "Speed of the replay: max, or 1 for the pace of the chat, 2.5 faster, from 0.001 to 1000.",
            valueName: "factor"))
    var speed = SpeedArgument(.maximum)

    @Flag(help: "Keep nodes and relay running after the traffic, until Ctrl-C.")
    var keepRunning = false

    func validate() throws {
        try speed.validate()
        try duration.require(.milliseconds(100)...(.hours(1)), "--duration")
    }

    func run() async throws {
        // A closed pipe must not leave servers and files behind: it ends the demo in order.
        signal(SIGPIPE, SIG_IGN)
        // The relay's warnings are for production use.
        let logger = Log(destination: .standardError(format: .text), level: .error).logger
        let interrupts = await Interrupts.trapped(hangup: true)
        let lost = NIOLockedValueBox<OutputError?>(nil)
        let directory = try DemoDirectory(record)
        defer { directory.remove() }
        let untilInterrupted = { @Sendable () async -> Void in await interrupts.next() }
        var access = WebAccess()
        access.openPages = ManualRoutes.pages
        let demo = Demo(
            duration: .nanoseconds(Int64(duration.nanoseconds)), directory: directory.path,
            version: BackplaneRelay.version, hostName: HostName.current(), access: access, logger: logger,
            speed: speed.speed, keepRunning: keepRunning ? untilInterrupted : nil,
            report: { line in
                do {
                    try StandardOutput.print(lines: [line])
                } catch {
                    lost.withLockedValue { $0 = $0 ?? error as? OutputError }
                    // Not from within the task that is cancelled.
                    Task.detached { interrupts.cancel() }
                }
            })
        let giveUp = { @Sendable () -> Void in
            RedisServerProcess.killAll()
            directory.remove()
            Glibc.exit(lost.withLockedValue { $0 } == nil ? 130 : 1)
        }
        let outcome = try await interrupts.run(orGiveUp: giveUp) { try await demo.run() }
        if let error = lost.withLockedValue({ $0 }) {
            if error.isBrokenPipe { return }
            throw error
        }
        guard let outcome else { throw ExitCode(130) }
        do {
            try StandardOutput.print(lines: ["", summary(of: outcome, directory: directory)])
        } catch let error as OutputError where error.isBrokenPipe {
            return
        }
        guard outcome.passed else { throw ExitCode.failure }
    }

    private func summary(of outcome: DemoOutcome, directory: DemoDirectory) -> String {
        let kept = directory.isKept ? ": \(directory.path)" : ", removed; --record DIR keeps it"
        var lines = [
            "published     \(Format.count(outcome.published, "envelope")) of SignalR 2, \(Format.count(outcome.corePublished)) of ASP.NET Core; \(Format.count(outcome.recorded + outcome.coreRecorded)) recorded, \(Format.count(outcome.replay.sent)) replayed",
            "received      \(Format.count(outcome.heard, "call")) by each listening client of SignalR 2, \(Format.count(outcome.coreHeard)) by each of ASP.NET Core; the other envelopes are commands, acknowledgements and messages for other clients",
            "capture       \(Format.bytes(outcome.payloadBytes)) of payloads in \(Format.bytes(Int(outcome.segmentBytes))) of files\(kept)",
        ]
        if directory.isKept { lines.append("              look into it: backplane-relay info \(directory.path)") }
        lines.append(
            "replay        \(Format.count(outcome.replay.sent, "envelope")) in \(Format.seconds(Double(outcome.replay.actualNanoseconds) * 1e-9))"
        )
        for difference in outcome.differences { lines.append("DIFFERENCE    \(difference)") }
        lines.append(
            outcome.passed
                ? "PASS          every envelope was recorded byte for byte, and clients at the second Redis received what a client at the first received"
                : "FAIL          \(Format.count(outcome.differences.count, "difference"))")
        return lines.joined(separator: "\n")
    }
}

/// The demo's record directory: the given one, or a temporary one that is removed at the end.
private struct DemoDirectory: Sendable {
    let path: String
    let isKept: Bool

    /// - Throws: ``OutputError`` if it cannot be created.
    init(_ record: String?) throws {
        isKept = record != nil
        if let record {
            let held = (try? FileManager.default.contentsOfDirectory(atPath: record)) ?? []
            // An existing capture would be compared with the new envelopes.
            guard !held.contains(where: { $0.hasSuffix(".mcap") }) else {
                throw ValidationError("--record: '\(record)' already contains a capture; name another directory")
            }
            path = record
            return
        }
        let folder = ProcessInfo.processInfo.environment["TMPDIR"].flatMap { $0.isEmpty ? nil : $0 } ?? "/tmp"
        var template = Array("\(folder)/backplane-relay-demo-XXXXXX".utf8CString)
        guard mkdtemp(&template) != nil else { throw OutputError(code: errno, place: "'\(folder)'") }
        path = String(decoding: template.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }

    func remove() {
        if !isKept { try? FileManager.default.removeItem(atPath: path) }
    }
}
