import Backplane
import Prometheus
import ServiceLifecycle
import Synchronization
import Testing

@testable import Check
@testable import Loopback

@Suite(.timeLimit(.minutes(2)))
struct CheckProbeTests {
    @Test(arguments: [false, true]) func servesTheOutcome(isCore: Bool) async throws {
        try await RedisServerProcess.run { redis in
            let (ports, port) = AsyncStream.makeStream(of: Int.self)
            let (outcomes, outcome) = AsyncStream.makeStream(of: CheckVerdict.self)
            let check = Check(
                configuration: isCore
                    ? CheckConfiguration(
                        redis: redis, core: CoreCheckSettings(hub: CoreHub(type: "Probe")), messages: 10,
                        version: "test")
                    : CheckConfiguration(redis: redis, channel: "probe", messages: 10, version: "test"),
                logger: Nodes.logger)
            let probe = CheckProbe(
                check: check, interval: .milliseconds(100), listenHost: "127.0.0.1", listenPort: 0,
                logger: Nodes.logger,
                onOutcome: { outcome.yield($0.verdict) }, onListening: { port.yield($0) })
            let services = ServiceGroup(
                configuration: ServiceGroupConfiguration(services: [probe], logger: Nodes.logger))
            try await withThrowingTaskGroup(of: Void.self) { group in
                group.addTask { try await services.run() }
                var count = 0
                for await verdict in outcomes {
                    #expect(verdict == .pass)
                    count += 1
                    if count == 2 { break }
                }
                let port = try #require(await ports.first { _ in true })
                let scrape = try await MetricsScrape.read(port: port)
                #expect(scrape["backplane_relay_check_success"] == 1)
                #expect(scrape[#"backplane_relay_check_runs_total{result="pass"}"#] ?? 0 >= 2)
                #expect(scrape[#"backplane_relay_check_runs_total{result="fail"}"#] == 0)
                #expect(scrape["backplane_relay_check_messages_lost_total"] == 0)
                #expect(scrape["backplane_relay_check_latency_seconds_count"] ?? 0 > 100)
                #expect(scrape["backplane_relay_check_last_run_timestamp_seconds"] ?? 0 > 1_700_000_000)
                #expect(scrape["backplane_relay_check_duration_seconds"] ?? 0 > 0)
                #expect(scrape[#"backplane_relay_build_info{version="test"}"#] == 1)
                await services.triggerGracefulShutdown()
                try await group.waitForAll()
            }
        }
    }

    @Test func countsChecksThatCannotBeCarriedOut() {
        let metrics = CheckMetrics(version: "test")
        metrics.recordError(duration: 1.5, at: 1000)
        let scrape = MetricsScrape(text: String(decoding: metrics.registry.expose(.text), as: UTF8.self))
        #expect(scrape["backplane_relay_check_success"] == 0)
        #expect(scrape[#"backplane_relay_check_runs_total{result="error"}"#] == 1)
        #expect(scrape["backplane_relay_check_duration_seconds"] == 1.5)
    }
}
