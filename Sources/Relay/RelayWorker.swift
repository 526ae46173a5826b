import Backplane
import Capture
import Redis
import Time

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The consumer of the intake: has each envelope observed and recorded, and reports subscription events.
///
/// Confined to one thread (``run()``).
struct RelayWorker: ~Copyable {
    /// The longest wait without reading the clocks.
    private static let longestWait = 1.0
    /// After little work it pauses this long, in microseconds, so that many small reads do not each cost a wake-up.
    private static let rest: UInt32 = 5_000
    private static let littleWork = 1 << 20

    private let intake: Intake
    private var events: EventFanOut
    /// Determines which counters assign the ids of a channel; nil if unavailable.
    private let census: CounterCensus?
    /// Channel indexes without an answer from the census yet, with the events to withdraw.
    private var isCounting: [Int: [CaptureEvent.Withdrawn]] = [:]
    /// When the census may next be asked about a jump of ids, on the monotonic clock: each query takes a connection,
    /// and if something else moves the counter, jumps are frequent.
    private var nextQuestionAt: UInt64 = 0
    private var clock = ClockMonitor()
    /// By channel index.
    private var forms: [EnvelopeForm]
    /// By channel name, from the last comparison: see ``SegmentEnding``.
    private var checkedIDs: OrdinalNameMap<UInt64> = [:]

    init(intake: Intake, events: consuming EventFanOut, census: CounterCensus? = nil) {
        self.intake = intake
        forms = events.context.attached.all.map(\.form)
        self.events = events
        self.census = census
    }

    private var channels: [String] { events.context.channels }

    /// Runs until the intake is closed and empty, then closes the capture.
    mutating func run() {
        while true {
            let delivery = intake.take(waitingAtMost: waitingTime(at: .now()))
            let now = Moment.now()
            events.context.status.beat(at: now)
            if let step = clock.observe(now) { events.emit(.clockStep(nanoseconds: step), at: now) }
            var bytes = 0
            for item in delivery.items { bytes += process(item, at: now) }
            events.tick(now)
            if delivery.isClosed { break }
            if bytes < Self.littleWork, bytes > 0 { usleep(Self.rest) }
        }
        events.channels.publishAll()
        events.emitHeld(by: .max, at: .now())
        // The answers come too late.
        for (channel, withdraws) in isCounting.sorted(by: { $0.key < $1.key }) {
            emit(interleaving(of: channel, withdraws: withdraws), at: .now())
        }
        events.close(checkedIDs: checkedIDs)
    }

    private mutating func waitingTime(at now: Moment) -> Double {
        let deadline = events.deadline()
        guard deadline > now.monotonic else { return 0 }
        return min(Double(deadline - now.monotonic) * 1e-9, Self.longestWait)
    }

    // MARK: - Items

    /// - Returns: number of processed payload bytes.
    private mutating func process(_ item: IntakeItem, at now: Moment) -> Int {
        switch item {
        case .batch(let batch):
            let bytes = batch.byteCount
            process(batch, at: now)
            events.emit(.batch(batch), at: now)
            let fill =
                batch.isAdmitted
                ? intake.recycle(large: batch) { events.recorder?.flushLarge(now) } : intake.recycle(batch)
            events.recorder?.setBacklog(fill)
            return bytes
        case .subscribed(let subscription): events.emit(.subscribed(subscription), at: now)
        case .disconnected(let cause): events.emit(.disconnected(cause), at: now)
        case .dropped(let envelopes, let bytes, let ids):
            events.emit(.dropped(envelopes: envelopes, bytes: bytes), at: now)
            dropped(ids, at: now)
        case .skipped(let payload):
            let (id, finding) = events.channels.passedOver(payload)
            if let finding { emit(finding, channel: payload.channel, at: now) }
            events.emit(.skipped(payload, id: id), at: now)
        case .counters(let readings): compare(readings, at: now)
        case .command(let command): execute(command, at: now)
        }
        return 0
    }

    private mutating func execute(_ command: RecorderCommand, at now: Moment) {
        switch command {
        case .rotate: events.recorder?.rotateNow(now)
        case .flush: events.recorder?.flushNow(now)
        case .pause(let free): events.recorder?.pause(free: free, at: now)
        case .resume(let free): events.recorder?.unpause(free: free, at: now)
        case .note(let event): return emit(event, at: now)
        case .attach(let indexes):
            forms += events.context.attached.all[indexes].map(\.form)
            events.attach(indexes, at: now)
        case .reattach(let channel): return events.emit(.attached(channel..<channel + 1), at: now)
        case .joined(let channel): return events.emit(.joined(channel: channel), at: now)
        case .left(let channel): return events.emit(.left(channel: channel), at: now)
        case .replica(let news): return emit(news, at: now)
        case .tap(let news): return events.emit(.tap(news), at: now)
        case .areCounters(let jump, let channel): return events.areCounters(jump, channel: channel, at: now)
        }
        events.emitNews(at: now)
    }

    /// The hot path.
    private mutating func process(_ batch: EnvelopeBatch, at now: Moment) {
        if let filter = events.recorder?.filter { return process(batch, through: filter, at: now) }
        batch.forEach { channel, receivedAt, payload in
            let seen = observe(payload, channel: channel, receivedAt: receivedAt, at: now)
            events.recorder?.append(channel: channel, seen: seen, receivedAt: receivedAt, payload: payload, at: now)
        }
        events.channels.counted()
    }

    /// For a capture with redacted payloads.
    private mutating func process(_ batch: EnvelopeBatch, through filter: PayloadFilter, at now: Moment) {
        batch.forEach { channel, receivedAt, payload in
            let seen = observe(payload, channel: channel, receivedAt: receivedAt, at: now)
            filter.filtered(payload, forms[channel]).withUnsafeBytes {
                events.recorder?.append(channel: channel, seen: seen, receivedAt: receivedAt, payload: $0, at: now)
            }
        }
        events.channels.counted()
    }

    @inline(__always)
    private mutating func observe(
        _ payload: UnsafeRawBufferPointer, channel: Int, receivedAt: UInt64, at now: Moment
    ) -> ChannelObserver.Seen {
        let seen = events.channels.observe(payload, channel: channel, receivedAt: receivedAt)
        if let finding = events.channels.finding(seen, channel: channel) { emit(finding, channel: channel, at: now) }
        return seen
    }

    // MARK: - Ids

    private mutating func emit(_ finding: ChannelIDs.Finding, channel: Int, at now: Moment) {
        switch finding {
        case .turn(let isNews, let withdraws):
            events.orderBroke(channel: channel)
            events.turned(channel, isNews: isNews, withdrawn: withdraws)
            if isNews { interleaved(channel, withdraws: withdraws, at: now) }
        case .outOfOrder:
            events.orderBroke(channel: channel)
            events.returned(channel, at: now)
        case .missing, .jump, .duplicate, .counterReset, .doubt:
            for event in finding.events(channel: channel) {
                if finding.isSure { events.emit(event, at: now) } else { hold(event, at: now) }
            }
        }
    }

    /// Asks whether it is another counter's turn.
    private mutating func hold(_ event: RelayEvent, at now: Moment) {
        guard let deviation = events.hold(event, at: now), deviation.observation != .duplicate,
            now.monotonic >= nextQuestionAt
        else { return }
        nextQuestionAt = now.monotonic + 60_000_000_000
        census?.ask(deviation.event, channel: deviation.channel)
    }

    private mutating func dropped(_ ids: DroppedIDs, at now: Moment) {
        for (channel, ranges) in ids.ranges {
            for range in ranges {
                // Envelopes before and after them are two runs of ids.
                events.orderBroke(channel: channel)
                for finding in events.channels.dropped(range, channel: channel) {
                    emit(finding, channel: channel, at: now)
                }
            }
        }
    }

    private mutating func compare(_ readings: CounterReadings, at now: Moment) {
        for channel in channels.indices {
            let (finding, checkedID) = events.channels.compare(readings, channel: channel)
            if let finding { emit(finding, channel: channel, at: now) }
            if let checkedID { checkedIDs[channels[channel]] = checkedID }
        }
    }

    /// For event keys the ids show what is missing, and the replication stream itself reports its losses.
    private mutating func emit(_ news: ReplicaNews, at now: Moment) {
        events.emit(.replica(news), at: now)
        guard news == .resynced, !events.context.status.isTapped else { return }
        let (all, left) = (events.context.attached.all, events.context.attached.left)
        for index in all.indices.prefix(forms.count) where all[index].hub != nil && !left.contains(index) {
            events.emit(.missed(channel: index, cause: .replicaResync), at: now)
        }
    }

    // MARK: - Several counters

    /// Reported once, not at each turn, with the values of the counters' keys.
    ///
    /// - Parameter withdraws: events reported or recorded before this was known.
    private mutating func interleaved(_ channel: Int, withdraws: [CaptureEvent.Withdrawn], at now: Moment) {
        guard let census else { return emit(interleaving(of: channel, withdraws: withdraws), at: now) }
        isCounting[channel, default: []] += withdraws
        census.ask(channel: channel, counters: events.channels.counters(channel), withdraws: withdraws)
    }

    private func interleaving(of channel: Int, withdraws: [CaptureEvent.Withdrawn]) -> CaptureEvent {
        .interleaved(
            channel: channels[channel], counters: events.channels.counters(channel), databases: nil,
            withdraws: withdraws)
    }

    /// An event from another part.
    private mutating func emit(_ event: CaptureEvent, at now: Moment) {
        if event.event == "interleaved", let channel = channels.firstIndex(where: { event.isOf($0) }) {
            isCounting[channel] = nil
        }
        events.emit(.noted(event), at: now)
    }
}

/// Detects steps of the system clock, by comparison with the monotonic clock.
struct ClockMonitor {
    /// Smaller differences between two readings are drift or slewing, not a step.
    static let threshold: UInt64 = 50_000_000

    private var last: Moment?

    /// - Returns: the step since the last reading, in nanoseconds, negative for back; nil if there was none.
    mutating func observe(_ now: Moment) -> Int64? {
        defer { last = now }
        guard let last else { return nil }
        let byDay = Int64(bitPattern: now.realtime &- last.realtime)
        let passed = Int64(bitPattern: now.monotonic &- last.monotonic)
        let step = byDay &- passed
        return step.magnitude >= Self.threshold ? step : nil
    }
}
