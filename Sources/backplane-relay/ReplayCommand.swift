import ArgumentParser
import Capture
import Redis
import Replay

struct ReplayCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "replay",
        abstract: "Publish a capture into another Redis, in its order and pace, under new ids.",
        discussion: """
            Example:
              backplane-relay replay /var/lib/backplane-relay --to redis://127.0.0.1:6380
              backplane-relay replay capture.mcap --to redis://staging:6379 --channel chat-staging --speed 10

            Captured ids are never published again: the target's own counter gives new ones, as for any node. Exit status
            3 if part of the capture could not be read or published.
            """)

    @OptionGroup var captures: CaptureArguments

    @Option(help: "The target: an address as 'run' takes it with --redis, a URL or a StackExchange.Redis string.")
    var to: String

    @OptionGroup var connection: RedisConnectionOptions

    @Option(help: "Publish everything on this event key instead of the captured ones.")
    var channel: String?

    @Option(help: "1 is the captured pace, 2.5 faster, 0.5 slower, max as fast as the target takes it.")
    var speed = SpeedArgument(.times(1))

    @Flag(help: "Allow the server that the capture was recorded from: its live clients receive the messages again.")
    var allowSource = false

    @Flag(help: "Do not warn that values in the capture are hashed or redacted.")
    var allowRedacted = false

    func validate() throws {
        _ = try connection.configuration(of: to, option: "--to")
    }

    func run() async throws {
        let target = try connection.configuration(of: to, option: "--to")
        for warning in connection.warnings(for: target) { StandardError.print("warning: \(warning)") }
        let capture = try captures.open()
        if !allowRedacted, capture.sources().contains(where: { $0.payload == .hash || !$0.redactedKeys.isEmpty }) {
            StandardError.print(
                "warning: values in this capture are hashed or redacted, and clients receive them so; --allow-redacted "
                    + "says that this is meant")
        }
        let replayer = Replayer(
            capture: capture, target: target,
            options: Replayer.Options(channel: channel, speed: speed.speed, allowsSource: allowSource))
        let report = try await replayer.run()
        print(ReplayTable.text(report))
        for damage in report.damage { StandardError.print("damage: \(damage)") }
        if report.skipped > 0 {
            StandardError.print("\(report.skipped) envelopes begin with no id and were not published")
        }
        if !report.isComplete { throw ExitCode.lossOrDamage }
    }
}

/// How a replay went, as a table for people.
enum ReplayTable {
    static func text(_ report: ReplayReport) -> String {
        var lines = [
            row("sent", "\(Format.count(report.sent)) envelopes, \(Format.bytes(report.bytes))"),
            row("ids given", report.firstID.flatMap { first in report.lastID.map { "\(first)..\($0)" } } ?? "none"),
            row(
                "receivers",
                "min \(report.receivers.minimum), median \(report.receivers.median), max \(report.receivers.maximum) a publish"
            ),
        ]
        let actual = Double(report.actualNanoseconds) * 1e-9
        if let rated = report.ratedNanoseconds {
            lines.append(row("duration", "\(Format.seconds(actual)), rated \(Format.seconds(Double(rated) * 1e-9))"))
            lines.append(
                row(
                    "lateness",
                    "p50 \(milliseconds(report.lateness.median)), p99 \(milliseconds(report.lateness.p99)), max \(milliseconds(report.lateness.maximum))"
                ))
        } else {
            let rate = actual > 0 ? Double(report.sent) / actual : 0
            lines.append(row("duration", "\(Format.seconds(actual)), \(Format.count(Int(rate)))/s"))
        }
        return lines.joined(separator: "\n")
    }

    private static func milliseconds(_ nanoseconds: UInt64) -> String {
        "\(Format.decimal(Double(nanoseconds) * 1e-6, digits: 3)) ms"
    }

    private static func row(_ label: String, _ value: String) -> String {
        label.padding(to: 14) + value
    }
}
