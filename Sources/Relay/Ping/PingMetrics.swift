import Backplane
import Prometheus

/// Metrics of the backplane ping; there are none without it.
package struct PingMetrics: Sendable {
    private let duration: Family<Histogram>
    private let timeouts: Family<Counter>
    private let failures: Counter

    init(_ registry: Registry) {
        duration = registry.histogramFamily(
            "backplane_relay_core_ping_seconds",
            help:
                "Time from the PUBLISH of a backplane ping to the ack of the node that holds the connection: through Redis to the node and back.",
            labels: ChannelMetrics.labels,
            buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10])
        timeouts = registry.counterFamily(
            "backplane_relay_core_ping_timeouts_total",
            help:
                "Backplane pings without an ack, though a node listens for the connection: a node does not receive from Redis, hangs, or cannot publish.",
            labels: ChannelMetrics.labels)
        failures = registry.counter(
            "backplane_relay_core_ping_errors_total",
            help: "Rounds of backplane pings that failed: Redis could not be reached, or refused. See the log.")
    }

    /// Adds the series of a hub that is pinged from now on.
    func attach(_ hub: CoreHub) {
        _ = duration.with(hub.topic, Dialect.core.label)
        _ = timeouts.with(hub.topic, Dialect.core.label)
    }

    func answered(_ hub: CoreHub, nanoseconds: UInt64) {
        duration.with(hub.topic, Dialect.core.label).observe(Double(nanoseconds) * 1e-9)
    }

    func timedOut(_ hub: CoreHub) { timeouts.with(hub.topic, Dialect.core.label).increment() }

    func failed() { failures.increment() }
}
