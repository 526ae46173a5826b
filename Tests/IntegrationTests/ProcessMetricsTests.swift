import Foundation
import Loopback
import TestSupport
import Testing

/// Every command scraped by Prometheus reports its build and its resource usage.
@Suite("Every command's /metrics", .serialized, .needs(.redisServer))
struct ProcessMetricsTests {
    enum Command: CaseIterable {
        case run, hub, check

        var arguments: [String] {
            switch self {
            case .run: ["run", "--channel", "chat"]
            case .hub: ["hub", "--channel", "chat"]
            case .check: ["check", "--channel", "check", "--messages", "1", "--interval", "1h"]
            }
        }

        /// The command's log message once it is listening.
        var listening: Regex<(Substring, Substring)> {
            switch self {
            case .hub: #/page=http://127\.0\.0\.1:(\d+)//#
            case .run, .check: #/metrics=http://127\.0\.0\.1:(\d+)/metrics/#
            }
        }
    }

    @Test("names its build and has process_*", arguments: Command.allCases)
    func process(command: Command) async throws {
        // The commit follows.
        let version = try await Finished.relay(["--version"]).output.prefix { !$0.isWhitespace }
        try await withCommand(command) { port, starting in
            let scrape = try await MetricsScrape.read(port: port)
            #expect(scrape[#"backplane_relay_build_info{version="\#(version)"}"#] == 1)
            // The kernel reports the start in hundredths of a second after boot, and the boot in seconds.
            let start = try #require(scrape["process_start_time_seconds"])
            #expect(starting.start.timeIntervalSince1970 - 2 < start)
            #expect(start < starting.end.timeIntervalSince1970 + 2)
            let resident = try #require(scrape["process_resident_memory_bytes"])
            #expect(resident > 1_048_576)
            #expect(try #require(scrape["process_virtual_memory_bytes"]) >= resident)
            let openFiles = try #require(scrape["process_open_fds"])
            #expect(openFiles > 2)
            #expect(try #require(scrape["process_max_fds"]) >= openFiles)
            let processorTime = try #require(scrape["process_cpu_seconds_total"])
            #expect(processorTime > 0)
            try await eventually("the processor time of the response is counted") {
                try await MetricsScrape.read(port: port)["process_cpu_seconds_total"] ?? 0 > processorTime ? true : nil
            }
        }
    }

    @Test("is accepted by promtool", .needs(.promtool), arguments: Command.allCases)
    func promtool(command: Command) async throws {
        try await withCommand(command) { port, _ in
            let text = try await MetricsScrape.read(port: port).text
            try await TemporaryDirectory.with { folder in
                let file = folder + "/metrics"
                try text.write(toFile: file, atomically: false, encoding: .utf8)
                let check = try await Finished.running(
                    "/bin/sh", ["-c", #"exec "$0" check metrics < "$1""#, Tool.promtool.requiredPath(), file])
                // Named after the event `counter_reset`: the counter is a key in Redis, not a type of metric.
                let complaints = (check.output + check.errors).split(separator: "\n")
                    .filter { !$0.contains("counter_resets_total metric name should not include type 'counter'") }
                #expect(complaints.isEmpty && (check.exit == .code(0) || check.exit == .code(3)), "\(complaints)")
            }
        }
    }

    @Test("serves the manual, where an alert's runbook_url leads to its row", arguments: Command.allCases)
    func manual(command: Command) async throws {
        try await withCommand(command) { port, _ in
            let answer = try #require(try await HTTPAnswer.get(port: port, "/manual/metrics-and-alerts"))
            #expect(answer.status == 200)
            #expect(answer.body.contains("<a id=\"backplanehubdown\"></a>"))
            #expect(try await HTTPAnswer.get(port: port, "/manual/nothing")?.status == 404)
        }
    }

    private func withCommand(
        _ command: Command, _ body: (_ port: Int, _ starting: DateInterval) async throws -> Void
    ) async throws {
        try await RedisServer.with { redis in
            try await TemporaryDirectory.with { folder in
                let start = Date()
                let child = try await ChildProcess.start(
                    RelayProcess.path(), command.arguments + ["--redis", redis.url, "--listen", "127.0.0.1:0"],
                    folder: folder)
                do {
                    let port = try await eventually("\(command) listens") {
                        child.errors.firstMatch(of: command.listening).flatMap { Int($0.1) }
                    }
                    try await body(port, DateInterval(start: start, end: Date()))
                    await child.terminate()
                } catch {
                    await child.terminate()
                    throw TestFailure("\(error)\n\(child.errors.suffix(2_000))")
                }
            }
        }
    }
}
