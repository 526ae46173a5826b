import Capture
import Redis
import Backplane
import Time

/// The consumer of the intake in a ``Tail``: follows the ids, selects, hands out.
///
/// Lives on one thread (``run()``); all it owns is its own.
struct TailWorker: ~Copyable {
    /// The longest time without a flush, in seconds: then the output notices that its reader has gone.
    private static let longestWait = 0.5

    private let channels: [String]
    private let matcher: EnvelopeMatcher
    private let limit: Int?
    private let intake: Intake
    private var output: any TailOutput
    private var trackers: [CounterTracker]
    /// By channel index, with the envelopes whose id nobody can tell.
    private var comparisons: [CounterComparison]
    private var withoutID: [UInt64]
    private var subscriptions = 0
    private var explainer: GapExplainer
    private var report = TailReport()
    /// The output failed: what still comes is only counted.
    private var failure: (any Error)?

    /// - Parameters:
    ///   - channels: in the order of their indexes.
    ///   - limit: envelopes to hand out; nil for all.
    init(channels: [String], selection: CaptureSelection, limit: Int?, intake: Intake, output: any TailOutput) {
        self.channels = channels
        self.limit = limit
        self.intake = intake
        self.output = output
        matcher = EnvelopeMatcher(selection)
        trackers = channels.map { _ in CounterTracker() }
        comparisons = channels.map { _ in CounterComparison() }
        withoutID = channels.map { _ in 0 }
        explainer = GapExplainer(earlier: channels.map { _ in nil })
    }

    /// Works until the intake is closed and empty, the limit is reached, or the output fails.
    ///
    /// - Returns: what became of it, and why the output failed.
    consuming func run() -> (report: TailReport, failure: (any Error)?) {
        while true {
            let delivery = intake.take(waitingAtMost: Self.longestWait)
            for item in delivery.items { process(item, at: .now()) }
            attempt { output throws in try output.flush() }
            if delivery.isClosed || failure != nil || isDone { break }
        }
        attempt { output throws in try output.finish() }
        return (report, failure)
    }

    private var isDone: Bool { limit.map { report.envelopes >= $0 } ?? false }

    private mutating func attempt(_ body: (inout any TailOutput) throws -> Void) {
        guard failure == nil else { return }
        do {
            try body(&output)
        } catch {
            failure = error
        }
    }

    private mutating func process(_ item: IntakeItem, at now: Moment) {
        switch item {
        case .batch(let batch):
            batch.forEach { channel, receivedAt, payload in
                process(payload, channel: channel, receivedAt: receivedAt)
            }
            intake.recycle(batch)
        case .subscribed(let subscription):
            subscriptions += 1
            explainer.subscribed(subscription)
            hand(
                .subscribed(runID: subscription.server?.runID, redisVersion: subscription.server?.versionText),
                at: now.realtime)
        case .disconnected(let cause):
            explainer.disconnected(cause)
            // That we were told to stop is no news.
            if cause != .stopped { hand(.disconnected(cause: cause.label), at: now.realtime) }
        case .dropped(let envelopes, let bytes, _):
            explainer.dropped()
            report.droppedEnvelopes += envelopes
            report.droppedBytes += bytes
            hand(
                .dropped(
                    channel: nil, envelopes: envelopes, bytes: bytes,
                    reason: RelayMetrics.DropReason.bufferFull.rawValue),
                at: now.realtime)
        case .skipped(let payload): skipped(payload)
        case .counters(let readings):
            // A counter that was read before the connection was lost again: the next subscription looks anew.
            guard readings.isFenced, subscriptions > 0 else { return }
            for (channel, reading) in readings.counters.enumerated() { compare(reading, channel: channel, at: now) }
        case .command: break
        }
    }

    /// A large payload that nobody held.
    private mutating func skipped(_ payload: SkippedPayload) {
        report.droppedEnvelopes += 1
        report.droppedBytes += payload.bytes
        let id = payload.start.withUnsafeBytes { start in
            follow(start, channel: payload.channel, receivedAt: payload.receivedAt)
            return try? EnvelopeID.parse(start).id
        }
        let reason = payload.isTooLarge ? RelayMetrics.DropReason.tooLarge : .bufferFull
        hand(
            .dropped(
                channel: channels[payload.channel], envelopes: 1, bytes: payload.bytes, reason: reason.rawValue,
                ids: id.map { $0...$0 }),
            at: payload.receivedAt)
    }

    private mutating func process(_ payload: UnsafeRawBufferPointer, channel: Int, receivedAt: UInt64) {
        guard failure == nil else {
            report.droppedEnvelopes += 1
            report.droppedBytes += payload.count
            return
        }
        // What follows the last envelope asked for is not looked at any more.
        guard !isDone else { return }
        follow(payload, channel: channel, receivedAt: receivedAt)
        let name = channels[channel]
        guard matcher.selects(channel: name, receivedAt: receivedAt, payload: payload) else { return }
        report.envelopes += 1
        attempt { output throws in
            try output.envelope(CapturedEnvelope(channel: name, receivedAt: receivedAt, payload: payload))
        }
    }

    /// Sees what is wrong with the sequence of ids, whatever is selected.
    private mutating func follow(_ payload: UnsafeRawBufferPointer, channel: Int, receivedAt: UInt64) {
        guard let id = try? EnvelopeID.parse(payload).id else { return withoutID[channel] += 1 }
        let cause = explainer.arrived(on: channel)
        let name = channels[channel]
        switch trackers[channel].observe(id) {
        case .one(.gap(let from, let to)):
            hand(.gap(channel: name, from: from, to: to, cause: cause ?? .foreignPublish), at: receivedAt)
        case .one(.duplicate): hand(.duplicate(channel: name, id: id), at: receivedAt)
        case .one(.counterReset(let from, let to)):
            hand(.counterReset(channel: name, from: from, to: to), at: receivedAt)
        case .turn(isNews: true):
            hand(
                .interleaved(
                    channel: name, counters: trackers[channel].counters, databases: nil,
                    withdraws: CaptureEvent.Withdrawn.all(trackers[channel])),
                at: receivedAt)
        case .one(.first):
            guard let cause, let ids = comparisons[channel].missing(before: id) else { return }
            hand(.gap(channel: name, from: ids.lowerBound, to: ids.upperBound, cause: cause), at: receivedAt)
        case .one(.inOrder), .one(.late), .restored, .turn: break
        }
    }

    /// What was missed while the connection was lost is told without waiting for the next id.
    private mutating func compare(_ reading: CounterReading, channel: Int, at now: Moment) {
        let tracker = trackers[channel]
        guard tracker.counters == 1 else { return }
        let isDisrupted = explainer.isDisrupted(channel)
        let outcome = comparisons[channel].compare(
            reading,
            CounterComparison.Arrivals(
                lastID: tracker.lastID, resets: tracker.resets, withoutID: withoutID[channel], isDisrupted: isDisrupted)
        )
        switch outcome {
        case .nothing: break
        case .accounted: if isDisrupted { _ = explainer.arrived(on: channel) }
        case .missing(_, let ids):
            let cause = explainer.arrived(on: channel) ?? .foreignPublish
            _ = trackers[channel].missed(through: ids.upperBound)
            hand(
                .gap(channel: channels[channel], from: ids.lowerBound, to: ids.upperBound, cause: cause),
                at: now.realtime)
        case .doubt(let reason):
            let doubt = RecordingDoubt(
                after: tracker.lastID, reason: reason, cause: isDisrupted ? explainer.latestCause?.rawValue : nil)
            hand(.mayBeMissing(channel: channels[channel], doubt), at: now.realtime)
        }
    }

    private mutating func hand(_ event: CaptureEvent, at time: UInt64) {
        attempt { output throws in try output.event(event, at: time) }
    }
}
