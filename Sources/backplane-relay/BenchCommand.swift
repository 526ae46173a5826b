import ArgumentParser
import Bench
import FoundationEssentials
import Logging
import Loopback
import Redis

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

struct BenchCommand: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "bench",
        abstract: "Measure what this machine can carry, and what limits it.",
        discussion: """
            Examples:
              backplane-relay bench
              backplane-relay bench --expect 20000 --record /var/lib/backplane-relay
              backplane-relay bench --redis redis://staging:6379 --size 1000

            It publishes by a node's own script at rising rates and records with a relay in the same process, without \
            compression and with zstd, until envelopes are lost or nothing can publish faster. Without --redis it \
            starts a redis-server on this machine and stops it at the end. With --redis it uses an event key of its \
            own and deletes it; it loads that Redis to its limit, so do not use one that people depend on. That is \
            why --redis is taken from the command line alone, never from BACKPLANE_RELAY_REDIS; put a password into \
            a file, --redis-password-file.

            Exit status 1 if less than --expect was carried.
            """)

    @Option(
        help: ArgumentHelp(
            "Redis to use: an address as for 'run --redis'. Without it a redis-server is started.", valueName: "url"))
    var redis: String?

    @OptionGroup(title: "Redis connection") var connection: RedisConnectionOptions

    @Option(help: ArgumentHelp("Bytes of an envelope, 200 to 1048576.", valueName: "bytes"))
    var size = 200

    @Option(help: ArgumentHelp("How long to hold each rate, in seconds.", valueName: "seconds"))
    var seconds = 5.0

    @Option(help: ArgumentHelp("Highest rate to try, in envelopes per second.", valueName: "rate"))
    var maxRate = 1_000_000

    @Option(
        help: ArgumentHelp(
            "Rate that you expect, in envelopes per second; bench says how much headroom is left.", valueName: "rate"))
    var expect: Int?

    @Option(
        help: ArgumentHelp("Directory on the disk that will hold the capture; nothing is left in it.", valueName: "dir")
    )
    var record = "/tmp"

    @Flag(help: "Print one JSON object.")
    var json = false

    func validate() throws {
        if let redis {
            _ = try connection.configuration(of: redis, option: "--redis")
        }
        guard (BenchConfiguration.smallestPayload...BenchConfiguration.largestPayload).contains(size) else {
            throw ValidationError("--size: a number from 200 to 1048576; a hub message with its ids needs most of 200")
        }
        guard seconds >= 0.1, seconds <= 3_600 else { throw ValidationError("--seconds: a number from 0.1 to 3600") }
        guard (1...10_000_000).contains(maxRate) else {
            throw ValidationError("--max-rate: a number from 1 to 10000000")
        }
        if let expect, expect < 1 { throw ValidationError("--expect: a number of 1 or more") }
    }

    func run() async throws {
        // The relay's warnings are for production use.
        let logger = Log(destination: .standardError(format: .text), level: .error).logger
        let redis = try redis.map { try connection.configuration(of: $0, option: "--redis") }
        if let redis { for warning in connection.warnings(for: redis) { StandardError.print("warning: \(warning)") } }
        if redis == nil, EnvironmentOptions.variables.contains(EnvironmentOptions.prefix + "REDIS") {
            StandardError.print(
                "note: BACKPLANE_RELAY_REDIS is not used, since a bench loads a Redis to its limit; a redis-server is started"
            )
        }
        let showsSteps = StandardError.isTerminal
        let bench = Bench(
            configuration: BenchConfiguration(
                redis: redis, payloadBytes: size, seconds: seconds, highestRate: maxRate, directory: record,
                version: BackplaneRelay.version, hostName: HostName.current()),
            logger: logger
        ) { step in
            if showsSteps { StandardError.print("... \(step)") }
        }
        let interrupts = await Interrupts.trapped()
        let giveUp = { @Sendable () -> Void in
            RedisServerProcess.killAll()
            try? FileManager.default.removeItem(atPath: bench.directory)
            Glibc.exit(130)
        }
        guard let report = try await interrupts.run(orGiveUp: giveUp, { try await bench.run() }) else {
            throw ExitCode(130)
        }
        if json {
            let encoder = JSONEncoder()
            encoder.outputFormatting = [.prettyPrinted, .sortedKeys, .withoutEscapingSlashes]
            encoder.keyEncodingStrategy = .convertToSnakeCase
            try StandardOutput.print(lines: [
                String(decoding: try encoder.encode(BenchSummary(report, expect)), as: UTF8.self)
            ])
        } else {
            try StandardOutput.print(lines: BenchTable(report: report, expected: expect).lines)
        }
        if let expect, !report.climbs.contains(where: { $0.carried >= Double(expect) }) {
            StandardError.print("not enough: \(Format.count(expect))/s expected")
            throw ExitCode.failure
        }
    }
}

/// The report with derived values.
private struct BenchSummary: Encodable {
    struct Carried: Encodable {
        var compression: String
        var envelopesPerSecond: Double
        var limit: BenchReport.Limit
        /// Carried rate divided by the expected one; nil if none was given.
        var headroom: Double?
    }

    var report: BenchReport
    var expected: Int?
    var carried: [Carried]

    init(_ report: BenchReport, _ expected: Int?) {
        self.report = report
        self.expected = expected
        carried = report.climbs.map { climb in
            Carried(
                compression: climb.compression, envelopesPerSecond: climb.carried, limit: climb.limit,
                headroom: expected.map { climb.carried / Double($0) })
        }
    }
}

/// The results as a table.
private struct BenchTable {
    let report: BenchReport
    let expected: Int?

    var lines: [String] {
        head + [""] + table + [""] + report.climbs.map { row("carried", carried($0)) } + expectation
    }

    private var head: [String] {
        let redis =
            report.redisVersion.map { $0.first?.isNumber == true ? "Redis \($0)" : $0 }
            ?? "a Redis of unknown version"
        let disk = report.diskBytesPerSecond.map { "\(Format.bytes(Int($0)))/s written with fsync" } ?? "not measured"
        let free = report.freeDiskBytes.map { ", \(Format.bytes(Int($0))) free" } ?? ""
        return [
            row(
                "redis",
                "\(report.redis), \(redis)\(report.redisIsOurs ? ", started for this" : ""), round trip \(Format.seconds(report.roundTripSeconds))"
            ),
            row(
                "machine",
                "\(Format.count(report.processors, "processor")), shared with the publisher\(report.redisIsOurs ? " and Redis" : "")"
            ),
            row("disk", "\(disk)\(free): \(report.directory)"),
            row(
                "zstd",
                "\(Format.bytes(Int(report.zstdBytesPerSecond)))/s of payloads on one processor, \(Format.decimal(report.zstdRatio, digits: 1)) to 1"
            ),
            row(
                "envelopes",
                "\(report.payloadBytes) B, each rate for \(Format.decimal(report.secondsPerRate, digits: 1)) s"),
        ]
    }

    private static let columns = [
        "compression", "asked", "published", "lost", "relay us each", "relay cpu", "latency p50", "p99", "to disk",
        "ratio",
        "redis cpu", "machine",
    ]

    private var table: [String] {
        let rows = [Self.columns] + report.climbs.flatMap { climb in climb.steps.map { cells($0, climb.compression) } }
        let widths = Self.columns.indices.map { column in rows.map { $0[column].count }.max() ?? 0 }
        return rows.map { row in
            zip(row, widths).enumerated().map { index, cell in
                let space = String(repeating: " ", count: cell.1 - cell.0.count)
                return index == 0 ? cell.0 + space : space + cell.0
            }.joined(separator: "  ")
        }
    }

    private func cells(_ step: BenchReport.Step, _ compression: String) -> [String] {
        [
            compression, "\(Format.count(step.asked))/s", "\(Format.count(Int(step.published)))/s",
            Format.count(step.lost),
            Format.decimal(step.microsecondsPerEnvelope, digits: 2), percent(step.relayProcessors),
            latency(step.latencyP50Seconds), latency(step.latencyP99Seconds),
            "\(Format.bytes(Int(step.writtenBytesPerSecond)))/s", Format.decimal(step.compressionRatio, digits: 1),
            step.redisProcessors.map(percent) ?? "?", percent(step.machineBusy),
        ]
    }

    private func carried(_ climb: BenchReport.Climb) -> String {
        let limit =
            switch climb.limit {
            case .redis: "Redis is the limit: its single thread is busy"
            case .processor: "the processors are the limit: they are busy, or the relay's threads fall behind"
            case .disk: "the disk is the limit"
            case .connection: "the connection is the limit: the publisher waits for answers from Redis"
            case .none: "no limit was reached"
            }
        let name = climb.compression == "none" ? "without compression" : "with \(climb.compression)"
        return "\(Format.count(Int(climb.carried)))/s \(name); \(limit)"
    }

    private var expectation: [String] {
        guard let expected else { return [] }
        return report.climbs.compactMap { climb in
            guard let step = climb.step(nearest: Double(expected)), step.published > 0 else {
                return row("expected", "\(Format.count(expected))/s with \(climb.compression): nothing was carried")
            }
            let bytes = step.writtenBytesPerSecond / step.published * Double(expected)
            let processor = step.microsecondsPerEnvelope * 1e-6 * Double(expected)
            return row(
                "expected",
                "\(Format.count(expected))/s \(climb.compression): \(Format.decimal(climb.carried / Double(expected), digits: 1)) times that rate was carried; "
                    + "the relay takes \(percent(processor)) of a processor, the capture \(Format.bytes(Int(bytes * 3_600))) an hour"
            )
        }
    }

    private func percent(_ share: Double) -> String { "\(Format.decimal(share * 100, digits: 0)) %" }

    /// The histogram has bucket bounds only.
    private func latency(_ seconds: Double?) -> String { seconds.map { "<= \(Format.seconds($0))" } ?? "?" }

    private func row(_ label: String, _ value: String) -> String { label.padding(to: 12) + value }
}
