import Capture
import Logging
import Prometheus
import Redis
import SignalRBackplane

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

    private let channels: [String]
    private let intake: Intake
    private let metrics: RelayMetrics
    private let status: RelayStatus
    private let logger: Logger
    private var observers: [ChannelObserver]
    private let branches: [any EnvelopeBranch]
    private var recorder: Recorder?
    /// nil if payloads are recorded as they are.
    private let filter: PayloadFilter?
    /// Told of the same events as the capture; nil where nobody can look.
    private let journal: LiveJournal?
    private var explainer: GapExplainer
    private var clock = ClockMonitor()
    private var sequenceLog = LogLimiter()
    private var dropLog = LogLimiter()
    private var subscriptions = 0
    /// When the observers were last told of the time, of the monotonic clock.
    private var lastTick: UInt64 = 0
    private var publishTurns: PublishTurns

    /// - Parameters:
    ///   - lastIDs: by channel name, from an earlier run that recorded into the same directory.
    init(
        channels: [String], lastIDs: OrdinalNameMap<UInt64>, intake: Intake, recorder: consuming Recorder?,
        filter: PayloadFilter? = nil, branches: [any EnvelopeBranch] = [], journal: LiveJournal? = nil,
        metrics: RelayMetrics, status: RelayStatus, logger: Logger
    ) {
        self.channels = channels
        self.intake = intake
        self.metrics = metrics
        self.status = status
        self.logger = logger
        self.recorder = recorder
        self.filter = filter
        self.branches = branches
        self.journal = journal
        observers = zip(channels, metrics.channels).map { name, metrics in
            ChannelObserver(metrics: metrics, lastID: lastIDs[name])
        }
        publishTurns = PublishTurns(observers: channels.count)
        explainer = GapExplainer(channels: channels.count, resumes: !lastIDs.isEmpty)
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
            recorder?.tick(.now())
            tickObservers(now)
            publish(publishTurns.take(at: now.monotonic))
            if delivery.isClosed { break }
            if bytes < Self.littleWork, bytes > 0 { usleep(Self.rest) }
        }
        publish(observers.indices)
        recorder?.close(.now())
    }

    private mutating func tickObservers(_ now: Moment) {
        guard now.monotonic - lastTick >= 1_000_000_000 else { return }
        lastTick = now.monotonic
        for index in observers.indices { observers[index].tick(now) }
    }

    private mutating func publish(_ turn: Range<Int>) {
        for index in turn { observers[index].publish() }
    }

    private mutating func waitingTime(at now: Moment) -> Double {
        var deadline = recorder?.nextDeadline ?? .max
        if let turn = publishTurns.deadline { deadline = min(deadline, turn) }
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
            recorder?.fallsBehind(by: intake.recycle(batch))
            return bytes
        case .subscribed(let subscription):
            subscribed(subscription, at: now)
        case .disconnected(let cause):
            disconnected(cause, at: now)
        case .dropped(let envelopes, let bytes):
            dropped(envelopes: envelopes, bytes: bytes, at: now)
        case .command(let command):
            obey(command, at: now)
        }
        return 0
    }

    private mutating func obey(_ command: RecorderCommand, at now: Moment) {
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
        }
    }

    /// Something that befell the recording, for the capture and for whoever looks.
    private mutating func note(_ event: CaptureEvent, at now: Moment) {
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
        case nil, .inOrder, .first: break
        case .some(let sequence): deviated(sequence, id: seen.id, cause: cause, channel: channel, at: now)
        }
        return seen
    }

    // MARK: - Deviations

    private mutating func deviated(
        _ sequence: SequenceTracker.Observation, id: UInt64?, cause: GapCause?, channel: Int, at now: Moment
    ) {
        recorder?.sequenceBroke(channel: channel)
        // What is missing since an earlier run belongs into the capture, not into the metrics of this process.
        if cause != .notRecording { observers[channel].count(sequence, id: id ?? 0) }
        let name = channels[channel]
        let event: CaptureEvent
        switch sequence {
        case .gap(let from, let to):
            event = .gap(channel: name, from: from, to: to, cause: cause ?? .foreignPublish)
        case .duplicate:
            event = .duplicate(channel: name, id: id ?? 0)
        case .counterReset(let from, let to):
            event = .counterReset(channel: name, from: from, to: to)
        case .first, .inOrder, .late:
            return
        }
        note(event, at: now)
        guard let suppressed = sequenceLog.admit(at: now.monotonic) else { return }
        logger.warning(
            "\(event.event)",
            metadata: [
                "channel": "\(name)", "from": "\(event.from ?? 0)", "to": "\(event.to ?? 0)",
                "cause": "\(event.cause ?? "-")", "suppressed": "\(suppressed)",
            ])
    }

    private mutating func subscribed(_ subscription: Subscription, at now: Moment) {
        subscriptions += 1
        if subscriptions > 1 { metrics.reconnects.increment() }
        // First: who is told that the relay is ready must not read that it is down.
        for channel in metrics.channels { channel.up.set(1) }
        status.connectionID = subscription.connectionID
        status.isSubscribed = true
        explainer.subscribed(subscription)
        for branch in branches { branch.subscribed(subscription) }
        let server = subscription.server
        recorder?.connected(runID: server?.runID, redisVersion: server?.version, at: now)
        journal?.note(.subscribed(runID: server?.runID, redisVersion: server?.version), at: now)
    }

    private mutating func disconnected(_ cause: DisconnectCause, at now: Moment) {
        for channel in metrics.channels { channel.up.set(0) }
        status.isSubscribed = false
        explainer.disconnected(cause)
        for index in observers.indices { observers[index].missedSomething() }
        note(.disconnected(cause: cause.label), at: now)
    }

    private mutating func dropped(envelopes: Int, bytes: Int, at now: Moment) {
        explainer.dropped()
        let reason = RelayMetrics.DropReason.bufferFull.rawValue
        note(.dropped(channel: nil, envelopes: envelopes, bytes: bytes, reason: reason), at: now)
        guard let suppressed = dropLog.admit(at: now.monotonic) else { return }
        logger.error(
            "intake full, envelopes dropped; is the disk too slow, or --buffer too small?",
            metadata: [
                "envelopes": "\(envelopes)", "bytes": "\(bytes)", "suppressed": "\(suppressed)",
            ])
    }

    private mutating func clockStepped(by nanoseconds: Int64, at now: Moment) {
        note(.clockStep(nanoseconds: nanoseconds), at: now)
        for index in observers.indices { observers[index].missedSomething() }
        logger.warning("the clock was set", metadata: ["milliseconds": "\(nanoseconds / 1_000_000)"])
    }
}
