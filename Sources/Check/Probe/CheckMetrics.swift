import NIOCore
package import Prometheus

/// Prometheus metrics of the repeated check.
package struct CheckMetrics: Sendable {
    /// Exposed on `/metrics`.
    package let registry: Registry
    private let success: Gauge
    private let lastRun: Gauge
    private let duration: Gauge
    private let runs: Family<Counter>
    private let lost: Counter
    private let expected: Counter
    private let latency: Prometheus.Histogram

    /// Results of a run: the verdicts, and the error of a run that could not be carried out.
    private static let error = "error"

    /// - Parameter version: of the program that runs the check.
    package init(version: String) {
        registry = Registry()
        success = registry.gauge(
            "backplane_relay_check_success",
            help:
                "1 if the last check passed, 0 if not. At 0, run backplane-relay check by hand: it names what is lost where."
        )
        lastRun = registry.gauge(
            "backplane_relay_check_last_run_timestamp_seconds",
            help:
                "End of the last check, Unix time. Alert if it is older than a few intervals: the check itself hangs or is gone."
        )
        duration = registry.gauge(
            "backplane_relay_check_duration_seconds",
            help: "Duration of the last check. If it grows, check the latency and the retries in the log.")
        runs = registry.counterFamily(
            "backplane_relay_check_runs_total",
            help:
                "Checks by result. error: Redis or a node could not be reached; fail: messages lost without explanation, duplicated or wrong; pass_with_loss: a node lost its connection to Redis.",
            labels: ["result"])
        lost = registry.counter(
            "backplane_relay_check_messages_lost_total",
            help: "Deliveries that did not arrive. If it rises, look for nodes whose connection to Redis breaks.")
        expected = registry.counter(
            "backplane_relay_check_messages_expected_total",
            help: "Deliveries and answers that were expected: divide messages_lost_total by this.")
        latency = registry.histogram(
            "backplane_relay_check_latency_seconds",
            help:
                "Time from sending a message to its arrival at a client, through a node, Redis and another node. If it grows, check the load of Redis and the nodes.",
            buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10])
        for verdict in CheckVerdict.allCases { _ = runs.with(verdict.rawValue) }
        _ = runs.with(Self.error)
        registry.registerProcess(version: version)
    }

    func record(_ outcome: CheckOutcome, at time: Double) {
        success.set(outcome.verdict == .pass ? 1 : 0)
        lastRun.set(time)
        duration.set(outcome.durationSeconds)
        runs.with(outcome.verdict.rawValue).increment()
        lost.increment(by: outcome.losses.count)
        expected.increment(by: outcome.rows.reduce(0) { $0 + $1.expected })
        for value in outcome.latency?.values ?? [] {
            for _ in 0..<value.count { latency.observe(value.seconds) }
        }
    }

    /// A check that could not be carried out.
    func recordError(duration seconds: Double, at time: Double) {
        success.set(0)
        lastRun.set(time)
        duration.set(seconds)
        runs.with(Self.error).increment()
    }
}
