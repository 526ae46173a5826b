import ArgumentParser
import EndToEnd
import FoundationEssentials
import Logging
import Replay

struct DemoCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "demo",
        abstract:
            "Show everything on this machine: hub nodes, people who chat, relay, capture, replay, and the proof.",
        discussion: """
            Example:
              backplane-relay demo --duration 20s
              backplane-relay demo --keep-running
              backplane-relay demo --duration 30s --speed 1

            Starts two redis-servers on free ports and stops them at the end. With --keep-running, open the two chat pages
            in two browser windows: what one sends appears in both. Ctrl-C then goes on with the replay, a second one ends
            everything. Exit status 1 if anything differs.
            """)

    @Option(help: "How long the traffic lasts.")
    var duration = TimeSpan(nanoseconds: 20_000_000_000)

    @Option(help: "Keep the capture in this directory; without it, it goes to a new one below /tmp.")
    var record: String?

    @Option(help: "Speed of the replay: max, or 1 for the pace of the chat, 2.5 faster.")
    var speed = SpeedArgument(.maximum)

    @Flag(help: "Leave nodes and relay running after the traffic, until Ctrl-C.")
    var keepRunning = false

    func run() async throws {
        let logger = Log(destination: .standardError(format: .text), level: .warning).logger
        let directory = record ?? "/tmp/backplane-relay-demo-\(ProcessInfo.processInfo.processIdentifier)"
        let interrupts = await Interrupts.trapped()
        let untilInterrupted = { @Sendable () async -> Void in await interrupts.next() }
        let demo = Demo(
            duration: .nanoseconds(Int64(duration.nanoseconds)), directory: directory, version: BackplaneRelay.version,
            hostName: HostName.current(), logger: logger,
            speed: speed.speed, keepRunning: keepRunning ? untilInterrupted : nil, report: { print($0) })
        guard let outcome = try await interrupts.run({ try await demo.run() }) else {
            throw ExitCode(130)
        }
        print("")
        print(summary(of: outcome, directory: directory))
        guard outcome.passed else { throw ExitCode.failure }
    }

    private func summary(of outcome: DemoOutcome, directory: String) -> String {
        var lines = [
            "published     \(Format.count(outcome.published)) envelopes by the nodes' own script",
            "capture       \(Format.bytes(outcome.payloadBytes)) of payloads in \(Format.bytes(Int(outcome.segmentBytes))) of files: \(directory)",
            "              look into it: backplane-relay info \(directory)",
            "replay        \(Format.count(outcome.replay.sent)) envelopes in \(Format.seconds(Double(outcome.replay.actualNanoseconds) * 1e-9))",
        ]
        for difference in outcome.differences { lines.append("DIFFERENCE    \(difference)") }
        lines.append(
            outcome.passed
                ? "PASS          every envelope was recorded byte for byte, and clients at the second Redis heard what one at the first heard"
                : "FAIL          \(outcome.differences.count) differences")
        return lines.joined(separator: "\n")
    }
}
