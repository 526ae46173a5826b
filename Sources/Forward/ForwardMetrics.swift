import Prometheus

/// Metrics of the forwarder.
struct ForwardMetrics: Sendable {
    enum DropReason: String, CaseIterable {
        /// The queue was full.
        case bufferFull = "buffer_full"
        /// It came from its destination: another relay forwards back, or the target is the watched server.
        case loop
        /// It is not an envelope, so it could not be marked.
        case undecodable
        /// The target replied with an error.
        case refused
        /// The connection was lost before the reply: it may have been published.
        case uncertain
        /// It was still waiting when the relay stopped.
        case stopped
    }

    private let forwarded: [Counter]
    private let dropped: [DropReason: Counter]
    let up: Gauge
    let errors: Counter
    let queueBytes: Gauge
    let lag: Gauge

    init(_ registry: Registry, channels: [String], limit: Int) {
        let forwarded = registry.counterFamily(
            "backplane_relay_forwarded_envelopes_total", help: "Envelopes that the forward target has confirmed.",
            labels: ["channel"])
        self.forwarded = channels.map { forwarded.with($0) }
        let dropped = registry.counterFamily(
            "backplane_relay_forward_dropped_envelopes_total",
            help:
                "Envelopes that were not forwarded; buffer_full: the target is away or too slow, uncertain: they may have arrived.",
            labels: ["reason"])
        self.dropped = Dictionary(uniqueKeysWithValues: DropReason.allCases.map { ($0, dropped.with($0.rawValue)) })
        up = registry.gauge(
            "backplane_relay_forward_up", help: "1 while the forward target is connected; 0: see the log for the cause."
        )
        errors = registry.counter(
            "backplane_relay_forward_errors_total",
            help: "Failed connections to the forward target, and its error replies; see the log.")
        queueBytes = registry.gauge(
            "backplane_relay_forward_queue_bytes", help: "Memory of envelopes that wait for the forward target.")
        registry.gauge(
            "backplane_relay_forward_queue_limit_bytes",
            help: "Limit of backplane_relay_forward_queue_bytes; beyond it new envelopes are dropped."
        ).set(Double(limit))
        lag = registry.gauge(
            "backplane_relay_forward_lag_seconds",
            help:
                "Waiting time of the oldest envelope in the queue, or of the last one sent; if it grows, the target is too slow."
        )
    }

    func confirmed(channel: Int) { forwarded[channel].increment() }

    func drop(_ reason: DropReason, _ count: Int = 1) { dropped[reason]?.increment(by: count) }
}
