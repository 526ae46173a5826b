package import Backplane
import Capture
import NIOConcurrencyHelpers
package import Prometheus
import Redis
import Time

/// All channels of a relay, for its metrics: each envelope, and each event.
///
/// Everything specific to a wire is in ``ChannelObserver`` and ``CoreObserver``, one per channel.
struct ObservedChannels {
    /// Location of a channel's observer: there is one array per wire, so that no observer is copied.
    private enum Place {
        case signalR2(Int)
        case core(Int)
    }

    /// By channel index.
    private var places: [Place] = []
    private var observers: [ChannelObserver] = []
    private var hubs: [CoreObserver] = []
    private let metrics: ObservingMetrics
    /// Channel indexes of hubs that are not watched, because they have no nodes.
    private var left: Set<Int> = []
    private var disruptions = Disruptions()
    private var turns = PublishTurns(observers: 0)
    private var subscriptions = 0
    private var isConnected = false
    /// On the monotonic clock.
    private var lastTick: UInt64 = 0

    /// - Parameter previous: from an earlier run that recorded into the same directory.
    init(_ metrics: ObservingMetrics, previous: CaptureDirectory.Previous = .init()) {
        self.metrics = metrics
        for channel in metrics.channels { add(channel, previous) }
    }

    /// Adds a channel under the next channel index; hubs appear while the relay runs.
    mutating func attach(_ channel: BackplaneChannel) {
        let channel = metrics.attach(channel)
        add(channel, .init())
    }

    private mutating func add(_ channel: ChannelMetrics, _ previous: CaptureDirectory.Previous) {
        if let own = channel.signalR2 {
            places.append(.signalR2(observers.count))
            observers.append(
                ChannelObserver(
                    metrics: channel, own: own, lastID: previous.lastIDs[channel.channel],
                    cause: previous.cause(channel.channel)))
        } else if let own = channel.core, let hub = channel.source.hub {
            places.append(.core(hubs.count))
            hubs.append(CoreObserver(metrics: channel, own: own, hub: hub))
        }
        turns.add()
    }

    // MARK: - Envelopes

    /// - Parameter bytes: the payload, or a ``CoreRecord`` for a hub of ASP.NET Core.
    @inline(__always)
    mutating func observe(
        _ bytes: UnsafeRawBufferPointer, channel: Int, receivedAt: UInt64
    ) -> ChannelObserver.Seen {
        switch places[channel] {
        case .signalR2(let index): return observers[index].observe(bytes, receivedAt: receivedAt)
        case .core(let index):
            hubs[index].observe(bytes, receivedAt: receivedAt)
            return ChannelObserver.Seen()
        }
    }

    /// The finding from an envelope's id, nearly always nil.
    @inline(__always)
    mutating func finding(_ seen: ChannelObserver.Seen, channel: Int) -> ChannelIDs.Finding? {
        guard case .signalR2(let index) = places[channel] else { return nil }
        if observers[index].ids.isInLine(seen.sequence, disruptions: disruptions.count) { return nil }
        return lookInto(seen, index)
    }

    @inline(never)
    private mutating func lookInto(_ seen: ChannelObserver.Seen, _ index: Int) -> ChannelIDs.Finding? {
        observers[index].ids.finding(seen.sequence, id: seen.id, isTwin: seen.isTwin, amid: disruptions)
    }

    /// Envelopes were observed: publish them later.
    mutating func counted() { turns.counted() }

    /// A large payload was not kept; its id was in its first bytes.
    mutating func passedOver(_ payload: SkippedPayload) -> (id: UInt64?, ChannelIDs.Finding?) {
        counted()
        switch places[payload.channel] {
        case .signalR2(let index):
            let seen = observers[index].passedOver(payload)
            return (seen.id, lookInto(seen, index))
        case .core(let index):
            hubs[index].passedOver(payload)
            return (nil, nil)
        }
    }

    /// Envelopes with these ids arrived, and were dropped unseen.
    mutating func dropped(_ ids: ClosedRange<UInt64>, channel: Int) -> [ChannelIDs.Finding] {
        guard case .signalR2(let index) = places[channel] else { return [] }
        return observers[index].ids.dropped(ids, amid: disruptions)
    }

    /// See ``ChannelIDs/compare(_:of:amid:)``. Ignores a counter that was read before the connection was lost again:
    /// the next subscription compares again.
    mutating func compare(
        _ look: CounterReadings, channel: Int
    ) -> (finding: ChannelIDs.Finding?, checkedID: UInt64?) {
        guard look.isFenced || look.isLast, subscriptions > 0, channel < look.counters.count,
            case .signalR2(let index) = places[channel]
        else { return (nil, nil) }
        return observers[index].ids.compare(look.counters[channel], of: look, amid: disruptions)
    }

    /// Number of counters known to assign ids of a channel; 0 on a wire without ids.
    func counters(_ channel: Int) -> Int {
        guard case .signalR2(let index) = places[channel] else { return 0 }
        return observers[index].ids.counters
    }

    // MARK: - Events

    mutating func consume(_ event: RelayEvent) {
        switch event {
        case .subscribed(let subscription):
            subscriptions += 1
            // The replication stream takes over without an interruption.
            if subscriptions > 1, !isConnected {
                metrics.reconnects.increment()
                for index in observers.indices { observers[index].ids.resubscribed() }
            }
            isConnected = true
            // One that is just being attached joins later.
            setUp(1)
            disruptions.subscribed(subscription)
        case .joined(let channel): metrics.channels[channel].up.set(1)
        case .attached(let indexes): for channel in indexes { returned(channel) }
        case .left(let channel): leave(channel)
        case .tap(.resumed):
            isConnected = true
            setUp(1)
            disruptions.resumed()
        case .tap(.lost(let bytes)):
            // Without a number it is another history, after a restart or a failover, which the run_id shows.
            if bytes != nil { disruptions.streamLost() }
            missedSomething()
        case .disconnected(let cause):
            isConnected = false
            setUp(0)
            disruptions.disconnected(cause)
            missedSomething()
        case .clockStep: missedSomething()
        case .replica(let news) where !news.isDisruption: break
        case .replica:
            disruptions.replicaBroke()
            missedSomething()
        case .gap(let channel, let ids, _, isOfThisRun: true):
            count(.one(.gap(from: ids.lowerBound, to: ids.upperBound)), channel: channel)
        case .duplicate(let channel, _, isOfThisRun: true): count(.one(.duplicate), channel: channel)
        case .counterReset(let channel, let from, let to, isOfThisRun: true):
            count(.one(.counterReset(from: from, to: to)), channel: channel)
        case .mayBeMissing(let channel, _): metrics.channels[channel].signalR2?.idsInDoubt.increment()
        // Without ids their hub is unknown.
        case .dropped: for index in hubs.indices { hubs[index].missedSomething() }
        default: break
        }
    }

    private func setUp(_ value: Double) {
        for (index, channel) in metrics.channels.prefix(places.count).enumerated() where !left.contains(index) {
            channel.up.set(value)
        }
    }

    private mutating func count(_ sequence: CounterTracker.Observation, channel: Int) {
        if case .signalR2(let index) = places[channel] { observers[index].count(sequence) }
    }

    /// The ids of a channel continued another counter.
    mutating func turned(_ channel: Int) { metrics.channels[channel].signalR2?.interleavedIDs.increment() }

    /// A deviation was recorded, to be reported later if confirmed.
    mutating func held(_ event: RelayEvent) {
        guard case .gap(let channel, _, _, _) = event, case .signalR2(let index) = places[channel] else { return }
        observers[index].missedSomething()
    }

    private mutating func missedSomething() {
        for index in observers.indices { observers[index].missedSomething() }
        for index in hubs.indices { hubs[index].missedSomething() }
    }

    // MARK: - Hubs without nodes

    private mutating func leave(_ channel: Int) {
        guard case .core(let index) = places[channel], left.insert(channel).inserted else { return }
        // Nobody can answer anymore.
        hubs[index].missedSomething()
        metrics.channels[channel].hide()
    }

    private mutating func returned(_ channel: Int) {
        if left.remove(channel) != nil { metrics.channels[channel].show() }
    }

    // MARK: - Time

    /// When ``publish(at:)`` is next due, on the monotonic clock.
    var deadline: UInt64? { turns.deadline }

    /// Periodic work without envelopes, once a second.
    ///
    /// - Returns: false if a second has not passed.
    mutating func tick(_ now: Moment) -> Bool {
        guard now.monotonic - lastTick >= 1_000_000_000 else { return false }
        lastTick = now.monotonic
        for index in observers.indices { observers[index].tick(now) }
        for (channel, place) in places.enumerated() where !left.contains(channel) {
            if case .core(let index) = place { hubs[index].tick(now) }
        }
        return true
    }

    /// Adds the counts of some channels to the shared metrics, if it is their turn.
    mutating func publish(at now: UInt64) { publish(turns.take(at: now)) }

    /// The same for all channels.
    mutating func publishAll() { publish(places.indices) }

    private mutating func publish(_ turn: Range<Int>) {
        for channel in turn {
            switch places[channel] {
            case .signalR2(let index): observers[index].publish()
            case .core(let index): hubs[index].publish()
            }
        }
    }
}

/// Metrics of the observed backplanes and the subscription.
package struct ObservingMetrics: Sendable {
    let reconnects: Counter
    private let families: ChannelMetrics.Families
    private let attached: NIOLockedValueBox<[ChannelMetrics]>

    /// Registers the metrics.
    ///
    /// - Parameter channels: those attached from the start, in the order of their indexes.
    package init(_ registry: Registry, channels: [BackplaneChannel]) {
        let families = ChannelMetrics.Families(registry)
        self.families = families
        attached = NIOLockedValueBox(channels.map { ChannelMetrics(families, $0) })
        reconnects = registry.counter(
            "backplane_relay_reconnects_total",
            help: "Resubscriptions after a lost connection; envelopes published in between were missed.")
    }

    /// By channel index, the currently attached channels; thread-safe.
    package var channels: [ChannelMetrics] { attached.withLockedValue { $0 } }

    /// Metrics for a channel added while the relay runs, under the next channel index; thread-safe. Returns the
    /// existing metrics if it is already attached, so the order of callers does not matter.
    @discardableResult
    package func attach(_ channel: BackplaneChannel) -> ChannelMetrics {
        attached.withLockedValue { attached in
            if let known = attached.first(where: { $0.source == channel }) { return known }
            let metrics = ChannelMetrics(families, channel)
            attached.append(metrics)
            return metrics
        }
    }
}
