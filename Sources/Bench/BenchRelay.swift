import Backplane
import Capture
import Logging
import Loopback
import MCAP
import Redis
import Relay

/// A relay in this process that records like `run --record`, without the live page.
struct BenchRelay: Sendable {
    let port: Int
    let channel: String

    /// Runs a relay during `body`.
    static func with<Result: Sendable>(
        _ configuration: BenchConfiguration, redis: RedisConfiguration, channel: String, directory: String,
        compression: Compression, logger: Logger, _ body: @escaping @Sendable (BenchRelay) async throws -> Result
    ) async throws -> Result {
        var relaying = RelayConfiguration(
            redis: redis, backplanes: [.signalR2(key: channel)],
            recording: CaptureWriter.Configuration(
                directory: directory, channels: [channel], compression: compression),
            web: WebConfiguration(port: 0), version: configuration.version, hostName: configuration.hostName)
        // The figures were read before it ends; nobody reads the capture.
        relaying.looksAtStop = false
        return try await InProcessRelay.run(RelayParts(relaying, logger: logger), logger: logger) { relay in
            try await relay.waitUntilReady()
            return try await body(BenchRelay(port: relay.port, channel: channel))
        }
    }

    func figures() async throws -> RelayFigures { try await RelayFigures.read(port: port, channel: channel) }

    /// Waits until the relay has accounted for all envelopes since `earlier`, or makes no more progress.
    ///
    /// - Returns: its figures, and how long that took, in seconds.
    func settled(after envelopes: Int, since earlier: RelayFigures) async throws -> (RelayFigures, seconds: Double) {
        let start = ContinuousClock.now
        var last = try await figures()
        var moved = start
        while last.accounted - earlier.accounted < envelopes, ContinuousClock.now - moved < .seconds(3) {
            try await Task.sleep(for: .milliseconds(50))
            let now = try await figures()
            if now.accounted > last.accounted { moved = .now }
            last = now
        }
        return (last, (ContinuousClock.now - start) / .seconds(1))
    }
}

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
