import Backplane
import Capture
import Prometheus
import Relay

/// The state of one channel on the live page: counters sampled once a second, and events.
struct ChannelSnapshot: Sendable {
    /// Seconds over which rates and latency are averaged, in the sentence and in the figures.
    private static let averaged = 5

    let name: String
    private let metrics: ChannelMetrics
    /// nil on a wire without ids and times.
    private let ids: SignalR2Metrics?
    private(set) var samples: SampleRing
    private(set) var gap: ChannelState.Gap?
    private(set) var reset: ChannelState.Reset?
    private(set) var interleaving: ChannelState.Interleaving?
    var calls = TopCalls()
    private var envelopes: Int
    private var bytes: Int
    private var missing: Int
    private var turns: Int
    private var latency: LatencyWindow?

    /// - Parameter samples: number of samples to keep.
    init(name: String, metrics: ChannelMetrics, samples: Int) {
        self.name = name
        self.metrics = metrics
        let ids = metrics.signalR2
        self.ids = ids
        self.samples = SampleRing(capacity: samples)
        envelopes = metrics.envelopes.value
        bytes = metrics.envelopeBytes.value
        missing = ids?.missingIDs.value ?? 0
        turns = ids?.interleavedIDs.value ?? 0
        latency = ids.map { LatencyWindow($0.deliveryLatency) }
    }

    /// - Parameter seconds: since the last sample.
    mutating func sample(at time: UInt64, seconds: Double) {
        let now = (metrics.envelopes.value, metrics.envelopeBytes.value, missingTotal)
        let quantiles = ids.flatMap { ids in latency?.advance(to: ids.deliveryLatency) }
        samples.append(
            LiveSample(
                at: time, envelopes: Double(now.0 - envelopes) / seconds, bytes: Double(now.1 - bytes) / seconds,
                missing: now.2 - missing, latency: quantiles))
        (envelopes, bytes, missing) = now
        let turns = ids?.interleavedIDs.value ?? 0
        if turns > self.turns {
            interleaving?.lastAt = time
            self.turns = turns
        }
    }

    /// An event about this channel.
    mutating func observe(_ event: LiveEvent) {
        let (from, to) = (event.event.from ?? 0, event.event.to ?? 0)
        switch event.event.event {
        // Ids missing since an earlier run are not news.
        case "gap" where event.event.cause != "not_recording" && to >= from:
            let count = Int(clamping: to - from + 1)
            let cause = event.event.cause ?? "unknown"
            if let last = gap, last.lastAt + ChannelState.newsSpan > event.at {
                let (sum, overflow) = last.missing.addingReportingOverflow(count)
                gap = ChannelState.Gap(
                    firstAt: last.firstAt, lastAt: event.at, missing: overflow ? .max : sum, cause: cause)
            } else {
                gap = ChannelState.Gap(firstAt: event.at, lastAt: event.at, missing: count, cause: cause)
            }
        case "counter_reset":
            reset = ChannelState.Reset(at: event.at, from: from, to: to, highest: max(from, reset?.highest ?? 0))
        case "interleaved":
            for wrong in event.event.withdraws ?? [] { withdraw(wrong) }
            interleaving = ChannelState.Interleaving(
                firstAt: interleaving?.firstAt ?? event.at, lastAt: event.at, counters: event.event.counters ?? 2,
                databases: (event.event.databases ?? [:]).keys.compactMap { Int($0) }.sorted().map { "\($0)" })
        default:
            break
        }
    }

    /// It was another counter's turn.
    private mutating func withdraw(_ wrong: CaptureEvent.Withdrawn) {
        switch wrong.event {
        case "counter_reset": if let told = reset, told.from == wrong.from, told.to == wrong.to { reset = nil }
        case "gap": if gap?.missing == Int(clamping: wrong.to - wrong.from + 1) { gap = nil }
        default: break
        }
    }

    /// Envelopes per second.
    var rate: Double { mean { $0.envelopes } }
    /// Bytes per second.
    var byteRate: Double { mean { $0.bytes } }

    /// Latency of the newest second with envelopes.
    var recentLatency: LatencyWindow.Quantiles? { samples.suffix(Self.averaged).last { $0.latency != nil }?.latency }

    private func mean(_ value: (LiveSample) -> Double) -> Double {
        let recent = samples.suffix(Self.averaged)
        return recent.isEmpty ? 0 : recent.reduce(0) { $0 + value($1) } / Double(recent.count)
    }

    /// Nanoseconds since 1970; nil before the first envelope.
    var lastEnvelopeAt: UInt64? {
        let seconds = metrics.lastEnvelopeTimestamp.value
        return seconds > 0 ? UInt64(seconds * 1e9) : nil
    }

    /// 0 before the first envelope, and on a wire without ids.
    var lastID: UInt64 { ids.map { UInt64(exactly: $0.lastID.value) ?? .max } ?? 0 }

    /// In this run.
    var missingTotal: Int { ids?.missingIDs.value ?? 0 }

    /// Messages of this run by kind, without zeros.
    var kinds: [(label: String, count: Int)] {
        metrics.messagesByKind.sorted { $0.count > $1.count }
    }

    /// Payloads of this run that are not envelopes.
    var undecodable: Int { metrics.undecodable.reduce(0) { $0 + $1.value } }
}

/// The most frequent hubs and methods among the sampled envelopes of one channel.
struct TopCalls: Sendable {
    struct Call: Hashable, Sendable {
        var hub: String
        var method: String
    }

    struct Row: Equatable, Sendable {
        var hub: String
        var method: String
        var count: Int
    }

    /// Number of distinct pairs; further ones count as others.
    static let limit = 100
    static let shown = 8

    private var counts: [Call: Int] = [:]
    private(set) var total = 0

    mutating func count(hub: String, method: String) {
        total += 1
        let call = Call(hub: hub, method: method)
        guard counts[call] != nil || counts.count < Self.limit else { return }
        counts[call, default: 0] += 1
    }

    /// Most frequent first.
    var rows: [Row] {
        counts.sorted { ($1.value, $0.key.hub, $0.key.method) < ($0.value, $1.key.hub, $1.key.method) }
            .prefix(Self.shown).map { Row(hub: $0.key.hub, method: $0.key.method, count: $0.value) }
    }
}
