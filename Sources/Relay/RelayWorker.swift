import Capture
import Logging
import Prometheus
import Redis
import Backplane
import Time

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The consumer of the intake: observes each envelope, records it, and notes what befell the subscription.
///
/// Lives on one thread (``run()``); all it owns is its own.
struct RelayWorker: ~Copyable {
    /// The longest wait without a look at the clocks.
    private static let longestWait = 1.0
    /// After little work it rests this long, so that many small reads do not cost a wake-up each, in microseconds.
    private static let rest: UInt32 = 5_000
    private static let littleWork = 1 << 20

    let channels: [String]
    private let intake: Intake
    let metrics: RelayMetrics
    private let status: RelayStatus
    private let logger: Logger
    var observers: [ChannelObserver]
    private let branches: [any EnvelopeConsumer]
    var recorder: Recorder?
    /// nil if payloads are recorded as they are.
    private let filter: PayloadFilter?
    /// Told of the same events as the capture; nil where nobody can look.
    let journal: LiveJournal?
    /// Who finds out which counters give the ids of a channel; nil where nobody does.
    let census: CounterCensus?
    /// Indexes of channels that the census has not answered for, and what the event is to withdraw.
    var isCounting: [Int: [CaptureEvent.Withdrawn]] = [:]
    /// What waits to be told until it is known whether there are several counters.
    var held = DeviationHold()
    /// When the census may be asked about a jump of ids again, of the monotonic clock: each question is a connection, and
    /// where others move the counter jumps come all the time.
    var nextQuestionAt: UInt64 = 0
    /// By channel index: what was told, before it was known that there are several counters.
    var mistold: [Int: [CaptureEvent.Withdrawn]] = [:]
    var explainer: GapExplainer
    private var clock = ClockMonitor()
    var log: EventLog
    let account: RunAccount
    /// By channel index.
    var comparisons: [CounterComparison]
    /// By channel index, of an earlier run.
    let earlierIDs: [UInt64?]
    /// By channel name, the last look of all: see ``SegmentEnding``.
    var checkedIDs: OrdinalNameMap<UInt64> = [:]
    private(set) var subscriptions = 0
    /// When the observers were last told of the time, of the monotonic clock.
    private var lastTick: UInt64 = 0
    var publishTurns: PublishTurns

    /// - Parameters:
    ///   - previous: of an earlier run that recorded into the same directory.
    ///   - account: told what is lost.
    init(
        channels: [String], previous: CaptureDirectory.Previous = .init(), intake: Intake,
        recorder: consuming Recorder?,
        filter: PayloadFilter? = nil, branches: [any EnvelopeConsumer] = [], journal: LiveJournal? = nil,
        census: CounterCensus? = nil, metrics: RelayMetrics, status: RelayStatus, account: RunAccount = RunAccount(),
        logger: Logger
    ) {
        self.channels = channels
        self.intake = intake
        self.metrics = metrics
        self.status = status
        self.logger = logger
        self.account = account
        log = EventLog(logger)
        self.recorder = recorder
        self.filter = filter
        self.branches = branches
        self.journal = journal
        self.census = census
        observers = zip(channels, metrics.channels).map { name, metrics in
            ChannelObserver(metrics: metrics, lastID: previous.lastIDs[name])
        }
        comparisons = channels.map { _ in CounterComparison() }
        earlierIDs = channels.map { previous.lastIDs[$0] }
        publishTurns = PublishTurns(observers: channels.count)
        explainer = GapExplainer(
            earlier: channels.map { previous.lastIDs[$0] == nil ? nil : previous.cause($0) })
    }

    /// Works until the intake is closed and empty, then closes the capture.
    mutating func run() {
        while true {
            let delivery = intake.take(waitingAtMost: waitingTime(at: .now()))
            let now = Moment.now()
            status.beat(at: now)
            if let step = clock.observe(now) { clockStepped(by: step, at: now) }
            var bytes = 0
            for item in delivery.items { bytes += process(item, at: now) }
            tellHeld(by: now.monotonic, at: now)
            recorder?.tick(.now())
            tickObservers(now)
            publish(publishTurns.take(at: now.monotonic))
            if delivery.isClosed { break }
            if bytes < Self.littleWork, bytes > 0 { usleep(Self.rest) }
        }
        publish(observers.indices)
        tellHeld(by: .max, at: .now())
        // The answers come too late.
        for (channel, withdraws) in isCounting.sorted(by: { $0.key < $1.key }) {
            note(interleaving(of: channel, withdraws: withdraws), at: .now())
        }
        log.flush(at: .max)
        recorder?.close(.now(), checkedIDs: checkedIDs)
    }

    private mutating func tickObservers(_ now: Moment) {
        guard now.monotonic - lastTick >= 1_000_000_000 else { return }
        lastTick = now.monotonic
        log.flush(at: now.monotonic)
        for index in observers.indices { observers[index].tick(now) }
    }

    private mutating func publish(_ turn: Range<Int>) {
        for index in turn { observers[index].publish() }
    }

    private mutating func waitingTime(at now: Moment) -> Double {
        var deadline = recorder?.nextDeadline ?? .max
        if let turn = publishTurns.deadline { deadline = min(deadline, turn) }
        if let due = held.deadline { deadline = min(deadline, due) }
        guard deadline > now.monotonic else { return 0 }
        return min(Double(deadline - now.monotonic) * 1e-9, Self.longestWait)
    }

    // MARK: - Items

    /// - Returns: payload bytes worked on.
    private mutating func process(_ item: IntakeItem, at now: Moment) -> Int {
        switch item {
        case .batch(let batch):
            let bytes = batch.byteCount
            process(batch, at: now)
            for branch in branches { branch.offer(batch) }
            let isLarge = batch.isAdmitted
            let fill =
                isLarge ? intake.recycle(large: batch) { recorder?.flushLarge(now) } : intake.recycle(batch)
            recorder?.setBacklog(fill)
            return bytes
        case .subscribed(let subscription):
            subscribed(subscription, at: now)
        case .disconnected(let cause):
            disconnected(cause, at: now)
        case .dropped(let envelopes, let bytes, let ids):
            dropped(envelopes: envelopes, bytes: bytes, ids: ids, at: now)
        case .skipped(let payload):
            skipped(payload, at: now)
        case .counters(let readings):
            compare(readings, at: now)
        case .command(let command):
            execute(command, at: now)
        }
        return 0
    }

    private mutating func execute(_ command: RecorderCommand, at now: Moment) {
        switch command {
        case .rotate: recorder?.rotateNow(now)
        case .flush: recorder?.flushNow(now)
        case .pause(let free):
            recorder?.pause(free: free, at: now)
            journal?.note(.recordingPaused(free: free), at: now)
        case .resume(let free):
            // Before what is written: if that fails, it is the last word.
            journal?.note(.recordingResumed(free: free), at: now)
            recorder?.unpause(free: free, at: now)
        case .note(let event): note(event, at: now)
        case .areCounters(let jump, let channel): held.prolong(jump, channel: channel, at: now.monotonic)
        }
    }

    /// Something that befell the recording, for the capture and for whoever looks.
    mutating func note(_ event: CaptureEvent, at now: Moment) {
        if event.event == "interleaved", let name = event.channel,
            let channel = channels.firstIndex(where: { $0.isSameOrdinally(as: name) })
        {
            isCounting[channel] = nil
            logger.warning(
                "\(event.event)",
                metadata: event.interleavingMetadata(mistold: mistold.removeValue(forKey: channel) ?? []))
        }
        recorder?.append(event, at: now)
        journal?.note(event, at: now)
    }

    /// The hot path.
    private mutating func process(_ batch: EnvelopeBatch, at now: Moment) {
        if let filter { return process(batch, through: filter, at: now) }
        batch.forEach { channel, receivedAt, payload in
            let seen = observe(payload, channel: channel, receivedAt: receivedAt, at: now)
            recorder?.append(channel: channel, seen: seen, receivedAt: receivedAt, payload: payload, at: now)
        }
        publishTurns.counted()
    }

    /// For a capture that does not hold the payloads as they are.
    private mutating func process(_ batch: EnvelopeBatch, through filter: PayloadFilter, at now: Moment) {
        batch.forEach { channel, receivedAt, payload in
            let seen = observe(payload, channel: channel, receivedAt: receivedAt, at: now)
            filter.filtered(payload).withUnsafeBytes {
                recorder?.append(channel: channel, seen: seen, receivedAt: receivedAt, payload: $0, at: now)
            }
        }
        publishTurns.counted()
    }

    @inline(__always)
    private mutating func observe(
        _ payload: UnsafeRawBufferPointer, channel: Int, receivedAt: UInt64, at now: Moment
    ) -> ChannelObserver.Seen {
        let seen = observers[channel].observe(payload, receivedAt: receivedAt)
        let cause = explainer.arrived(on: channel)
        switch seen.sequence {
        case nil, .one(.inOrder): break
        case .one(.first): if let cause { firstArrived(seen.id ?? 0, cause: cause, channel: channel, at: now) }
        case .some(let sequence):
            deviated(sequence, id: seen.id, isTwin: seen.isTwin, cause: cause, channel: channel, at: now)
        }
        return seen
    }

    // MARK: - What befalls the connection

    /// Told once, not at each turn, and with what the counters' keys say.
    ///
    /// - Parameter withdraws: what was told, or recorded as an event, before it was known.
    mutating func interleaved(_ channel: Int, withdraws: [CaptureEvent.Withdrawn], at now: Moment) {
        guard let census else { return note(interleaving(of: channel, withdraws: withdraws), at: now) }
        isCounting[channel, default: []] += withdraws
        census.ask(channel: channel, counters: observers[channel].counters, withdraws: withdraws)
    }

    private func interleaving(of channel: Int, withdraws: [CaptureEvent.Withdrawn]) -> CaptureEvent {
        .interleaved(
            channel: channels[channel], counters: observers[channel].counters, databases: nil, withdraws: withdraws)
    }

    private mutating func subscribed(_ subscription: Subscription, at now: Moment) {
        subscriptions += 1
        if subscriptions > 1 { metrics.reconnects.increment() }
        // First: who is told that the relay is ready must not read that it is down.
        for channel in metrics.channels { channel.up.set(1) }
        status.connectionID = subscription.connectionID
        // A replica would have been refused.
        status.masterLoss = nil
        status.isSubscribed = true
        explainer.subscribed(subscription)
        for branch in branches { branch.subscribed(subscription) }
        let server = subscription.server
        recorder?.connected(runID: server?.runID, redisVersion: server?.versionText, at: now)
        journal?.note(.subscribed(runID: server?.runID, redisVersion: server?.versionText), at: now)
    }

    private mutating func disconnected(_ cause: DisconnectCause, at now: Moment) {
        for channel in metrics.channels { channel.up.set(0) }
        status.isSubscribed = false
        explainer.disconnected(cause)
        for index in observers.indices { observers[index].missedSomething() }
        note(.disconnected(cause: cause.label), at: now)
    }

    private mutating func clockStepped(by nanoseconds: Int64, at now: Moment) {
        note(.clockStep(nanoseconds: nanoseconds), at: now)
        for index in observers.indices { observers[index].missedSomething() }
        logger.warning("the clock was set", metadata: ["milliseconds": "\(nanoseconds / 1_000_000)"])
    }
}
