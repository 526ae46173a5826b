import Backplane
import NIOConcurrencyHelpers
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

    private let forwarded: Family<Counter>
    /// By channel index.
    private let confirmed: NIOLockedValueBox<[Counter]>
    private let leftOut: [CoreLeftOut: Counter]
    private let dropped: [DropReason: Counter]
    let up: Gauge
    let errors: Counter
    let queueBytes: Gauge
    let lag: Gauge

    init(_ registry: Registry, channels: [BackplaneChannel], limit: Int) {
        forwarded = registry.counterFamily(
            "backplane_relay_forwarded_envelopes_total", help: "Envelopes that the forward target has confirmed.",
            labels: ["channel", "backplane"])
        confirmed = NIOLockedValueBox([])
        let leftOut = registry.counterFamily(
            "backplane_relay_forward_left_out_envelopes_total",
            help:
                "Envelopes of ASP.NET Core that are not forwarded because they mean nothing at another Redis, by kind: for single connections, group commands, acks, client results, pings of a relay.",
            labels: ["kind"])
        self.leftOut = Dictionary(uniqueKeysWithValues: CoreLeftOut.allCases.map { ($0, leftOut.with($0.rawValue)) })
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
        attach(channels)
    }

    /// Adds the counters of channels attached since.
    func attach(_ all: [BackplaneChannel]) {
        confirmed.withLockedValue { counters in
            for channel in all.dropFirst(counters.count) {
                counters.append(forwarded.with(channel.name, channel.dialect.label))
            }
        }
    }

    func confirmed(channel: Int) { confirmed.withLockedValue { $0[channel] }.increment() }

    func leave(out kind: CoreLeftOut, _ count: Int) { leftOut[kind]?.increment(by: count) }

    func drop(_ reason: DropReason, _ count: Int = 1) { dropped[reason]?.increment(by: count) }
}
