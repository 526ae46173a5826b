import Backplane
import Capture
import Prometheus
import Relay

/// The state of one channel on the live page: counters sampled once a second, and events.
struct ChannelSnapshot: Sendable {
    /// Seconds over which rates and latency are averaged, in the sentence and in the figures.
    private static let averaged = 5

    let name: String
    /// nil for an event key of SignalR 2.
    private(set) var hub: HubSnapshot?
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
    /// When a discovered hub was attached, nanoseconds since 1970; nil once its subscription is confirmed.
    private(set) var waitsSince: UInt64?
    /// When the subscription to a discovered hub was confirmed, nanoseconds since 1970; nil for other channels.
    private(set) var heardSince: UInt64?
    /// When the subscription to a hub without nodes ended last, nanoseconds since 1970.
    private(set) var leftAt: UInt64?

    /// - Parameters:
    ///   - samples: maximum number of samples kept.
    ///   - foundAt: when it was attached, nanoseconds since 1970; nil if from the start.
    init(name: String, metrics: ChannelMetrics, samples: Int, foundAt: UInt64? = nil) {
        self.name = name
        self.metrics = metrics
        hub = HubSnapshot(metrics)
        waitsSince = foundAt
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
        let ofHub = hub?.sample(at: time)
        samples.append(
            LiveSample(
                at: time, envelopes: Double(now.0 - envelopes) / seconds, bytes: Double(now.1 - bytes) / seconds,
                missing: ofHub?.missingAcks ?? now.2 - missing, latency: ofHub?.acks ?? quantiles))
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
        case "gap" where event.event.cause != "not_recording" && event.event.from != nil && to >= from:
            let count = Int(clamping: to - from + 1)
            let cause = event.event.cause ?? "unknown"
            if let last = gap, last.lastAt + ChannelState.newsSpan > event.at {
                let (sum, overflow) = last.missing.addingReportingOverflow(count)
                gap = ChannelState.Gap(
                    firstAt: last.firstAt, lastAt: event.at, missing: overflow ? .max : sum, cause: cause)
            } else {
                gap = ChannelState.Gap(firstAt: event.at, lastAt: event.at, missing: count, cause: cause)
            }
        case "subscribed": waitsSince = nil
        case "attached":
            waitsSince = nil
            heardSince = event.at
        case "detached": leftAt = event.at
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

    mutating func keepSamples(_ count: Int) { samples.shrink(to: count) }

    var dialect: Dialect { metrics.dialect }

    /// The channel prefix of a hub, with which its name begins; empty without one.
    var prefix: String { metrics.source.hub?.prefix ?? "" }

    /// The part of the ``ChannelState`` that only a hub has; nil for an event key of SignalR 2.
    ///
    /// - Parameter isLeft: whether the relay does not watch it, because it has no nodes.
    func hubState(isLeft: Bool) -> HubState? {
        guard var state = hub?.state else { return nil }
        state.ackDuration = recentLatency
        state.leftAt = isLeft ? leftAt : nil
        return state
    }

    /// Of the newest second with a measurement, within the averaging period.
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

/// One second of a channel, for the charts.
struct LiveSample: Sendable, Equatable {
    /// The end of the second, nanoseconds since 1970.
    var at: UInt64
    /// Per second.
    var envelopes: Double
    /// Per second.
    var bytes: Double
    /// Ids found missing in it; for a hub of ASP.NET Core, group commands without an ack in time.
    var missing: Int
    /// From publisher to relay, in seconds; nil without envelopes that have a time. For a hub of ASP.NET Core, from a
    /// group command to its ack; nil without an ack.
    var latency: LatencyWindow.Quantiles?
}

/// The newest samples of a channel; the oldest are dropped.
struct SampleRing: Sendable {
    /// 15 minutes of seconds.
    static let longest = 900
    /// More than the averaging period of the sentence.
    static let shortest = 10
    /// Limit for the samples of all channels together, for up to 4,500 channels: 2.5 MB here, and as much again while
    /// they are written for a page.
    static let budget = 45_000

    private var storage: [LiveSample] = []
    /// Index of the oldest sample, once the ring is full.
    private var start = 0
    private var capacity: Int

    init(capacity: Int) {
        precondition(capacity > 0)
        self.capacity = capacity
        storage.reserveCapacity(capacity)
    }

    /// Samples per channel for this number of channels.
    static func capacity(channels: Int) -> Int { max(shortest, min(longest, budget / max(1, channels))) }

    mutating func append(_ sample: LiveSample) {
        if storage.count < capacity {
            storage.append(sample)
        } else {
            storage[start] = sample
            start = (start + 1) % capacity
        }
    }

    /// Keeps fewer from now on, the newest; never more than before.
    mutating func shrink(to capacity: Int) {
        precondition(capacity > 0)
        guard capacity < self.capacity else { return }
        storage = suffix(capacity)
        start = 0
        self.capacity = capacity
    }

    var count: Int { storage.count }
    var last: LiveSample? { storage.isEmpty ? nil : storage[(start + storage.count - 1) % storage.count] }

    /// Oldest first.
    var samples: [LiveSample] { Array(storage[start...] + storage[..<start]) }

    /// The newest `count`, oldest first.
    func suffix(_ count: Int) -> [LiveSample] {
        let count = min(count, storage.count)
        return (storage.count - count..<storage.count).map { storage[(start + $0) % storage.count] }
    }
}

/// Which hubs and methods were called most among the sampled envelopes of one channel.
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

    /// Maximum number of distinct calls; further ones count in the total only.
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

    /// The most frequent ones first.
    var rows: [Row] {
        counts.sorted { ($1.value, $0.key.hub, $0.key.method) < ($0.value, $1.key.hub, $1.key.method) }
            .prefix(Self.shown).map { Row(hub: $0.key.hub, method: $0.key.method, count: $0.value) }
    }
}
