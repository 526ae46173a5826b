import Loopback

/// A snapshot of a relay's counters.
struct RelayFigures: Sendable {
    var received = 0
    var recorded = 0
    /// Dropped by the relay.
    var dropped = 0
    /// Never received.
    var missing = 0
    var recordedBytes = 0
    var writtenBytes = 0
    /// Cumulative, by upper bound in seconds.
    var latency: [(bound: Double, count: Double)] = []

    /// - Parameter channel: the relay's only one.
    static func read(port: Int, channel: String) async throws -> RelayFigures {
        let scrape = try await MetricsScrape.read(port: port)
        func sum(_ name: String) -> Int { Int(scrape.series(of: name).reduce(0) { $0 + $1.value }) }
        return RelayFigures(
            received: sum("signalr_backplane_envelopes_total"),
            recorded: sum("backplane_relay_recorded_envelopes_total"),
            dropped: sum("backplane_relay_dropped_envelopes_total"),
            missing: sum("signalr_backplane_missing_ids_total"),
            recordedBytes: sum("backplane_relay_recorded_bytes_total"),
            writtenBytes: sum("backplane_relay_written_bytes_total"),
            latency: scrape.series(of: "signalr_backplane_delivery_latency_seconds_bucket").compactMap {
                labels, value in
                guard let start = labels.firstRange(of: "le=\"")?.upperBound else { return nil }
                let bound = labels[start...].prefix { $0 != "\"" }
                return Double(bound == "+Inf" ? "inf" : bound).map { ($0, value) }
            }.sorted { $0.bound < $1.bound })
    }

    /// Envelopes accounted for.
    var accounted: Int { recorded + dropped + missing }

    /// The smallest bound that this share of the envelopes since `earlier` met; nil if there is none, or no envelope
    /// arrived.
    func latency(share: Double, since earlier: RelayFigures) -> Double? {
        let counts = zip(latency, earlier.latency).map { (bound: $0.bound, count: $0.count - $1.count) }
        guard let total = counts.last?.count, total > 0 else { return nil }
        return counts.first { $0.count >= share * total && $0.bound.isFinite }?.bound
    }
}
