package import Prometheus

/// Fill of the intake, and losses of received envelopes.
package struct IntakeMetrics: Sendable {
    let bytes: Gauge
    let limitBytes: Gauge
    /// Envelopes that the intake refused, and those that the recorder could not write.
    package let drops: DropMetrics

    /// Registers the metrics.
    package init(_ registry: Registry) {
        bytes = registry.gauge(
            "backplane_relay_intake_bytes", help: "Memory of envelopes waiting for the recorder.")
        limitBytes = registry.gauge(
            "backplane_relay_intake_limit_bytes", help: "Limit of backplane_relay_intake_bytes: the size of the buffer."
        )
        drops = DropMetrics(registry)
    }
}

/// Envelopes received but not recorded, counted where they are lost: in the intake or the recorder.
package struct DropMetrics: Sendable {
    private let envelopes: [DropReason: Counter]
    private let bytes: [DropReason: Counter]

    init(_ registry: Registry) {
        let envelopes = registry.counterFamily(
            "backplane_relay_dropped_envelopes_total",
            help:
                "Envelopes received but not recorded; each loss is noted in the capture. Check the disk and the buffer.",
            labels: ["reason"])
        let bytes = registry.counterFamily(
            "backplane_relay_dropped_bytes_total", help: "Payload bytes of dropped envelopes.", labels: ["reason"])
        self.envelopes = Dictionary(
            uniqueKeysWithValues: DropReason.allCases.map { ($0, envelopes.with($0.rawValue)) })
        self.bytes = Dictionary(uniqueKeysWithValues: DropReason.allCases.map { ($0, bytes.with($0.rawValue)) })
    }

    func drop(_ reason: DropReason, envelopes count: Int, bytes size: Int) {
        envelopes[reason]?.increment(by: count)
        bytes[reason]?.increment(by: size)
    }

    /// Envelopes lost by the relay since the start, for any reason.
    var total: Int { envelopes.values.reduce(0) { $0 + $1.value } }

    /// Envelopes since the start.
    package func count(_ reason: DropReason) -> Int { envelopes[reason]?.value ?? 0 }
}
