import Backplane
import Capture
import Prometheus
import Redis
import Time

/// All channels of a relay as its metrics see them: each envelope, and each event.
///
/// What one backplane's wire means is in ``ChannelObserver`` alone, one for each channel.
struct ObservedChannels {
    private var observers: [ChannelObserver]
    private let metrics: ObservingMetrics
    private var disruptions = Disruptions()
    private var turns: PublishTurns
    private var subscriptions = 0
    /// On the monotonic clock.
    private var lastTick: UInt64 = 0

    /// - Parameter previous: of an earlier run that recorded into the same directory.
    init(_ metrics: ObservingMetrics, previous: CaptureDirectory.Previous = .init()) {
        self.metrics = metrics
        observers = metrics.channels.map { channel in
            ChannelObserver(
                metrics: channel, lastID: previous.lastIDs[channel.channel], cause: previous.cause(channel.channel))
        }
        turns = PublishTurns(observers: observers.count)
    }

    // MARK: - Envelopes

    @inline(__always)
    mutating func observe(
        _ payload: UnsafeRawBufferPointer, channel: Int, receivedAt: UInt64
    ) -> ChannelObserver.Seen {
        observers[channel].observe(payload, receivedAt: receivedAt)
    }

    /// What the id of an envelope tells, which is nearly always nothing.
    @inline(__always)
    mutating func finding(_ seen: ChannelObserver.Seen, channel: Int) -> ChannelIDs.Finding? {
        if observers[channel].ids.isInLine(seen.sequence, disruptions: disruptions.count) { return nil }
        return lookInto(seen, channel: channel)
    }

    @inline(never)
    private mutating func lookInto(_ seen: ChannelObserver.Seen, channel: Int) -> ChannelIDs.Finding? {
        observers[channel].ids.finding(
            seen.sequence, id: seen.id, isTwin: seen.isTwin, amid: disruptions)
    }

    /// Envelopes were observed: they are to be published.
    mutating func counted() { turns.counted() }

    /// A large payload was not kept; its first bytes told the id.
    mutating func passedOver(_ payload: SkippedPayload) -> (id: UInt64?, ChannelIDs.Finding?) {
        let seen = observers[payload.channel].passedOver(payload)
        counted()
        return (seen.id, lookInto(seen, channel: payload.channel))
    }

    /// Envelopes with these ids arrived, and were dropped unseen.
    mutating func dropped(_ ids: ClosedRange<UInt64>, channel: Int) -> [ChannelIDs.Finding] {
        observers[channel].ids.dropped(ids, amid: disruptions)
    }

    /// See ``ChannelIDs/compare(_:of:amid:)``. Nothing for a counter that was read before the connection was lost again: the
    /// next subscription looks anew.
    mutating func compare(
        _ look: CounterReadings, channel: Int
    ) -> (finding: ChannelIDs.Finding?, checkedID: UInt64?) {
        guard look.isFenced || look.isLast, subscriptions > 0, channel < look.counters.count else { return (nil, nil) }
        return observers[channel].ids.compare(look.counters[channel], of: look, amid: disruptions)
    }

    /// How many counters are known to give ids of a channel.
    func counters(_ channel: Int) -> Int { observers[channel].ids.counters }

    // MARK: - Events

    mutating func consume(_ event: RelayEvent) {
        switch event {
        case .subscribed(let subscription):
            subscriptions += 1
            if subscriptions > 1 { metrics.reconnects.increment() }
            for channel in metrics.channels { channel.up.set(1) }
            disruptions.subscribed(subscription)
        case .disconnected(let cause):
            for channel in metrics.channels { channel.up.set(0) }
            disruptions.disconnected(cause)
            missedSomething()
        case .clockStep: missedSomething()
        case .gap(let channel, let ids, _, isOfThisRun: true):
            observers[channel].count(.one(.gap(from: ids.lowerBound, to: ids.upperBound)))
        case .duplicate(let channel, _, isOfThisRun: true): observers[channel].count(.one(.duplicate))
        case .counterReset(let channel, let from, let to, isOfThisRun: true):
            observers[channel].count(.one(.counterReset(from: from, to: to)))
        case .mayBeMissing(let channel, _): metrics.channels[channel].idsInDoubt.increment()
        default: break
        }
    }

    /// The ids of a channel went on with another counter.
    mutating func turned(_ channel: Int) { metrics.channels[channel].interleavedIDs.increment() }

    /// A deviation is recorded, and told later if it is one.
    mutating func held(_ event: RelayEvent) {
        if case .gap(let channel, _, _, _) = event { observers[channel].missedSomething() }
    }

    private mutating func missedSomething() {
        for index in observers.indices { observers[index].missedSomething() }
    }

    // MARK: - Time

    /// When ``publish(at:)`` has something to do next, on the monotonic clock.
    var deadline: UInt64? { turns.deadline }

    /// What goes on without envelopes, once a second.
    ///
    /// - Returns: false if a second has not passed.
    mutating func tick(_ now: Moment) -> Bool {
        guard now.monotonic - lastTick >= 1_000_000_000 else { return false }
        lastTick = now.monotonic
        for index in observers.indices { observers[index].tick(now) }
        return true
    }

    /// Adds what some channels have counted to the shared metrics, if their turn has come.
    mutating func publish(at now: UInt64) { publish(turns.take(at: now)) }

    /// The same for all of them.
    mutating func publishAll() { publish(observers.indices) }

    private mutating func publish(_ turn: Range<Int>) {
        for index in turn { observers[index].publish() }
    }
}

/// Which observers add what they counted to the shared metrics next, and when.
///
/// With many channels adding costs more than counting, so they take turns: the metrics of a hundred channels are 50 ms
/// old at most, those of a thousand 500 ms; after a pass that took longer, a turn is as much longer. Times are
/// nanoseconds of the monotonic clock.
struct PublishTurns {
    static let interval: UInt64 = 50_000_000
    /// Observers in a turn that is on time.
    static let longest = 100

    private let observers: Int
    private var next = 0
    /// How many, from `next` on and round, may have counted since they added.
    private var waiting = 0
    private var last: UInt64 = 0

    init(observers: Int) {
        self.observers = observers
    }

    /// Some observers counted.
    mutating func counted() { waiting = observers }

    /// When the next turn is due; nil if nobody has counted.
    var deadline: UInt64? { waiting > 0 ? last + Self.interval : nil }

    /// The turn that is due; empty if none is.
    mutating func take(at now: UInt64) -> Range<Int> {
        guard let deadline, now >= deadline else { return 0..<0 }
        let due = Int(min((now - last) / Self.interval, UInt64(observers))) * Self.longest
        last = now
        let turn = next..<next + min(waiting, due, observers - next)
        next = turn.upperBound == observers ? 0 : turn.upperBound
        waiting -= turn.count
        return turn
    }
}
