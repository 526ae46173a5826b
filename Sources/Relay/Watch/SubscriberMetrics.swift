import NIOConcurrencyHelpers
import Prometheus

/// Metrics of the server's subscribers, also shown on the live page.
package struct SubscriberMetrics: Sendable {
    private static let labels = ["name", "ip"]

    private let connections: Family<Gauge>
    private let waiting: Family<Gauge>
    private let memory: Family<Gauge>
    private let slow: Family<Gauge>
    private let interval: Gauge
    private let shown = NIOLockedValueBox<SubscriberTable?>(nil)

    init(_ registry: Registry) {
        connections = registry.gaugeFamily(
            "signalr_backplane_subscriber_connections",
            help:
                "Subscribed connections of this Redis, on any channel, by client name and address; 0 for ten minutes after the last one has gone.",
            labels: Self.labels)
        waiting = registry.gaugeFamily(
            "signalr_backplane_subscriber_output_buffer_bytes",
            help:
                "Bytes waiting in Redis for the subscriber (CLIENT LIST, omem), the highest of its connections. 0 until the socket buffers are full, which takes a few megabytes.",
            labels: Self.labels)
        memory = registry.gaugeFamily(
            "signalr_backplane_subscriber_memory_bytes",
            help: "Memory that Redis keeps for the subscriber's connections (CLIENT LIST, tot-mem).",
            labels: Self.labels)
        slow = registry.gaugeFamily(
            "signalr_backplane_subscriber_slow",
            help:
                "1 while 1 MiB or more waits for the subscriber in two checks 5 s apart: it reads too slowly or not at all. Detected late: the kernel buffers a few megabytes before Redis does.",
            labels: Self.labels)
        interval = registry.gauge(
            "backplane_relay_subscriber_poll_interval_seconds",
            help:
                "Interval between listings of the subscribers; 0 while they are not listed because Redis has too many clients."
        )
    }

    /// - Parameter nanoseconds: interval between two listings.
    func show(_ table: SubscriberTable, interval nanoseconds: UInt64) {
        let before = shown.withLockedValue { shown in
            defer { shown = table }
            return shown?.rows ?? [:]
        }
        for key in before.keys where table.rows[key] == nil { remove(key) }
        for (key, row) in table.rows {
            connections.with(key.name, key.address).set(Double(row.connections))
            waiting.with(key.name, key.address).set(Double(row.waiting))
            slow.with(key.name, key.address).set(row.isSlow ? 1 : 0)
            if let bytes = row.memory {
                memory.with(key.name, key.address).set(Double(bytes))
            } else {
                memory.remove(key.name, key.address)
            }
        }
        interval.set(Double(nanoseconds) * 1e-9)
    }

    /// Redis does not answer, or must not be asked.
    func forget(isSuspended: Bool) {
        let before = shown.withLockedValue { shown in
            defer { shown = nil }
            return shown?.rows ?? [:]
        }
        for key in before.keys { remove(key) }
        if isSuspended { interval.set(0) }
    }

    /// The latest listing; nil if unknown.
    package var table: SubscriberTable? { shown.withLockedValue { $0 } }

    private func remove(_ key: SubscriberTable.Key) {
        for family in [connections, waiting, memory, slow] { family.remove(key.name, key.address) }
    }
}
