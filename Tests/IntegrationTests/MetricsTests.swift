import Foundation
import TestSupport
import Testing

/// The metrics of a running relay are accepted by Prometheus' own programs.
@Suite("Metrics", .serialized, .needs(.redisServer))
struct MetricsTests {
    private static let channels = ["chat", "orders"]
    private static let envelopes = ["chat": 30, "orders": 12]

    @Test("promtool accepts the text format", .needs(.promtool))
    func promtool() async throws {
        try await withTraffic { relay in
            let answer = try #require(try await HTTPAnswer.get(port: relay.port, "/metrics"))
            #expect(answer.contentType.hasPrefix("text/plain; version=0.0.4"))
            try await TemporaryDirectory.with { folder in
                let file = folder + "/metrics"
                try answer.body.write(toFile: file, atomically: false, encoding: .utf8)
                let check = try await Finished.running(
                    "/bin/sh", ["-c", #"exec "$0" check metrics < "$1""#, Tool.promtool.requiredPath(), file])
                // Named after the event `counter_reset`: the counter is a key in Redis, not a type of metric.
                let complaints = (check.output + check.errors).split(separator: "\n")
                    .filter { !$0.contains("counter_resets_total metric name should not include type 'counter'") }
                #expect(complaints.isEmpty && (check.exit == .code(0) || check.exit == .code(3)), "\(complaints)")
            }
        }
    }

    @Test("OpenMetrics is negotiated, and accepted by Python's strict parser", .needs(.python))
    func openMetrics() async throws {
        try await withTraffic { relay in
            let accept = "application/openmetrics-text; version=1.0.0, text/plain;version=0.0.4;q=0.5"
            let answer = try #require(try await HTTPAnswer.get(port: relay.port, "/metrics", accept: accept))
            #expect(answer.contentType == "application/openmetrics-text; version=1.0.0; charset=utf-8")
            try await TemporaryDirectory.with { folder in
                let file = folder + "/metrics"
                try answer.body.write(toFile: file, atomically: false, encoding: .utf8)
                let parser = """
                    import sys
                    from prometheus_client.openmetrics.parser import text_string_to_metric_families
                    for family in text_string_to_metric_families(open(sys.argv[1]).read()):
                        for sample in family.samples:
                            if sample.name == "signalr_backplane_envelopes_total":
                                print(sample.labels["channel"], int(sample.value))
                    """
                let parsed = try await Finished.running(.python, ["-c", parser, file])
                #expect(parsed.exit == .code(0), "\(parsed.errors)")
                #expect(parsed.lines.sorted() == ["chat 30", "orders 12"])
            }
        }
    }

    @Test("a real Prometheus scrapes it", .needs(.prometheus))
    func prometheus() async throws {
        try await withTraffic { relay in
            try await PrometheusServer.with(scraping: [.init(job: "relay", port: relay.port)]) { prometheus in
                _ = try await eventually("Prometheus has scraped the relay", within: .seconds(40)) { () -> Bool? in
                    let isUp = try await prometheus.query("up").first?.values == [1]
                    let seen = try await prometheus.query("signalr_backplane_envelopes_total")
                        .map { ($0.labels["channel"] ?? "", $0.values) }
                    return isUp && Dictionary(uniqueKeysWithValues: seen) == ["chat": [30], "orders": [12]] ? true : nil
                }
            }
        }
    }

    @Test("always healthy; ready only while Redis is available", arguments: [false, true])
    func readiness(records: Bool) async throws {
        try await RedisServer.with { redis in
            await redis.stop()
            try await TemporaryDirectory.with { folder in
                var arguments = ["--redis", redis.url, "--channel", "chat"]
                if records { arguments += ["--record", folder + "/capture"] }
                let relay = try await RelayProcess.start(arguments, folder: folder)
                do {
                    #expect(try await relay.readiness() == 503)
                    #expect(try await relay.metric(#"signalr_backplane_up{channel="chat",backplane="signalr2"}"#) == 0)

                    try await redis.start()
                    try await relay.waitUntilReady()
                    #expect(try await relay.metric(#"signalr_backplane_up{channel="chat",backplane="signalr2"}"#) == 1)

                    await redis.stop()
                    try await eventually("the relay detects it") { try await relay.readiness() == 503 ? true : nil }
                    #expect(try await relay.metric(#"signalr_backplane_up{channel="chat",backplane="signalr2"}"#) == 0)
                    #expect(try await HTTPAnswer.get(port: relay.port, "/-/healthy")?.status == 200)
                    #expect(try await relay.stop() == .code(0))
                } catch {
                    await relay.child.terminate()
                    throw error
                }
            }
        }
    }

    // MARK: - Helpers

    /// Runs `body` with a relay that has received a known number of envelopes on two channels.
    private func withTraffic(_ body: (RelayProcess) async throws -> Void) async throws {
        try await RedisServer.with { redis in
            let arguments = ["--redis", redis.url] + Self.channels.flatMap { ["--channel", $0] }
            try await RelayProcess.with(arguments) { relay in
                try await redis.withClient { client in
                    for (channel, count) in Self.envelopes {
                        _ = try await NodePublisher(client, channel: channel).publish(count)
                        try await relay.waitForMetric(
                            #"signalr_backplane_envelopes_total{channel="\#(channel)",backplane="signalr2"}"#,
                            atLeast: count)
                    }
                }
                try await body(relay)
            }
        }
    }
}
