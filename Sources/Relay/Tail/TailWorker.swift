import Backplane
import Capture
import Redis
import Time

/// The consumer of the intake in a ``Tail``: tracks ids, selects envelopes and passes them on.
///
/// Confined to one thread (``run()``).
struct TailWorker: ~Copyable {
    /// The longest time without a flush, in seconds: the output then notices a closed pipe.
    private static let longestWait = 0.5

    private let attached: AttachedChannels
    private let status: RelayStatus
    /// By channel index.
    private var channels: [BackplaneChannel] = []
    private var names: [String] = []
    private let matcher: EnvelopeMatcher
    private let limit: Int?
    private var output: any TailOutput
    /// By channel index.
    private var ids: [ChannelIDs] = []
    private var disruptions = Disruptions()
    private var subscriptions = 0
    private var report = TailReport()
    /// The output failed: further envelopes are only counted.
    private var failure: (any Error)?

    /// - Parameters:
    ///   - status: notified of the subscription.
    ///   - limit: number of envelopes to pass on; nil for all.
    init(
        _ attached: AttachedChannels, _ status: RelayStatus = RelayStatus(records: false),
        selection: CaptureSelection, limit: Int?, output: any TailOutput
    ) {
        self.attached = attached
        self.status = status
        self.limit = limit
        self.output = output
        matcher = EnvelopeMatcher(selection)
        takeAttached()
    }

    private mutating func takeAttached() {
        channels = attached.all
        names = channels.map(\.name)
        while ids.count < channels.count { ids.append(ChannelIDs()) }
    }

    /// Runs until the intake is closed and empty, the limit is reached, or the output fails.
    ///
    /// - Returns: the result, and why the output failed.
    consuming func run(from intake: Intake) -> (report: TailReport, failure: (any Error)?) {
        while true {
            let delivery = intake.take(waitingAtMost: Self.longestWait)
            for item in delivery.items {
                process(item, at: .now())
                if case .batch(let batch) = item { intake.recycle(batch) }
            }
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
        case .subscribed(let subscription):
            subscriptions += 1
            status.consume(.subscribed(subscription))
            disruptions.subscribed(subscription)
            for index in ids.indices { ids[index].resubscribed() }
            hand(.subscribed(subscription), at: now.realtime)
        case .disconnected(let cause):
            status.consume(.disconnected(cause))
            disruptions.disconnected(cause)
            // Our own stop is not news.
            if cause != .stopped { hand(.disconnected(cause), at: now.realtime) }
        case .dropped(let envelopes, let bytes, _):
            disruptions.dropped()
            report.droppedEnvelopes += envelopes
            report.droppedBytes += bytes
            hand(.dropped(envelopes: envelopes, bytes: bytes), at: now.realtime)
        case .skipped(let payload): skipped(payload)
        case .counters(let readings): compare(readings, at: now)
        case .command(.attach): takeAttached()
        case .command(.joined(let channel)): hand(.joined(channel: channel), at: now.realtime)
        case .command(.left(let channel)): hand(.left(channel: channel), at: now.realtime)
        case .command(.replica(let news)): tell(news, at: now.realtime)
        case .command(.note(let event)): hand(.noted(event), at: now.realtime)
        case .command: break
        }
    }

    /// Of event keys the ids show what is missing.
    private mutating func tell(_ news: ReplicaNews, at time: UInt64) {
        hand(.replica(news), at: time)
        guard news.isDisruption else { return }
        disruptions.replicaBroke()
        guard news == .resynced else { return }
        for index in channels.indices where channels[index].hub != nil && !attached.left.contains(index) {
            hand(.missed(channel: index, cause: .replicaResync), at: time)
        }
    }

    /// A large payload that was not kept.
    private mutating func skipped(_ payload: SkippedPayload) {
        report.droppedEnvelopes += 1
        report.droppedBytes += payload.bytes
        let id = payload.start.withUnsafeBytes { start in
            follow(start, channel: payload.channel, receivedAt: payload.receivedAt)
            return try? EnvelopeID.parse(start).id
        }
        hand(.skipped(payload, id: id), at: payload.receivedAt)
    }

    private mutating func process(_ payload: UnsafeRawBufferPointer, channel: Int, receivedAt: UInt64) {
        guard failure == nil else {
            report.droppedEnvelopes += 1
            report.droppedBytes += payload.count
            return
        }
        // Envelopes beyond the limit are ignored.
        guard !isDone else { return }
        follow(payload, channel: channel, receivedAt: receivedAt)
        let (name, form) = (names[channel], channels[channel].form)
        guard matcher.selects(channel: name, receivedAt: receivedAt, payload: payload, form) else { return }
        report.envelopes += 1
        attempt { output throws in
            try output.envelope(
                CapturedEnvelope(channel: name, form: form, receivedAt: receivedAt, payload: payload))
        }
    }

    /// Checks the sequence of ids, whatever is selected.
    private mutating func follow(_ payload: UnsafeRawBufferPointer, channel: Int, receivedAt: UInt64) {
        guard channels[channel].dialect == .signalR2 else { return }
        let id = try? EnvelopeID.parse(payload).id
        let sequence = ids[channel].observe(id)
        guard !ids[channel].isInLine(sequence, disruptions: disruptions.count),
            let finding = ids[channel].finding(sequence, id: id, amid: disruptions)
        else { return }
        if case .turn(isNews: true, let withdraws) = finding {
            let turns = CaptureEvent.interleaved(
                channel: names[channel], counters: ids[channel].counters, databases: nil, withdraws: withdraws)
            hand(.noted(turns), at: receivedAt)
        }
        for event in finding.events(channel: channel) { hand(event, at: receivedAt) }
    }

    /// Reports what was missed while the connection was lost, without waiting for the next id.
    private mutating func compare(_ look: CounterReadings, at now: Moment) {
        // A counter read before the connection was lost again: the next subscription compares again.
        guard look.isFenced, subscriptions > 0 else { return }
        for (channel, reading) in zip(ids.indices, look.counters) {
            let finding = ids[channel].compare(reading, of: look, amid: disruptions).finding
            for event in finding?.events(channel: channel) ?? [] { hand(event, at: now.realtime) }
        }
    }

    private mutating func hand(_ event: RelayEvent, at time: UInt64) {
        guard let event = event.captured(names) else { return }
        attempt { output throws in try output.event(event, at: time) }
    }
}
