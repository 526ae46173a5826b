import Backplane
import Capture
import Time

/// Distributes the events of a relay: to its metrics, its status, the recorder, the other consumers and the log, in
/// this order.
///
/// Internal consumers are called statically, because each envelope passes them; the others once per batch. A deviation
/// of ids that may be another counter's turn is recorded immediately, and passed to the others when it is certain.
struct EventFanOut: ~Copyable {
    var channels: ObservedChannels
    var recorder: Recorder?
    private var log: RelayLog
    private let consumers: [any RelayConsumer]
    /// Recorded deviations held back until it is known whether there are several counters.
    private var held = DeviationHold()

    init(
        channels: consuming ObservedChannels, recorder: consuming Recorder?, _ log: RelayLog,
        _ consumers: [any RelayConsumer]
    ) {
        self.channels = channels
        self.recorder = recorder
        self.log = log
        self.consumers = consumers
    }

    var context: RelayContext { log.context }

    mutating func emit(_ event: RelayEvent, at now: Moment) {
        // First: a consumer notified that the relay is ready must not read that it is down.
        channels.consume(event)
        context.status.consume(event)
        recorder?.consume(event, at: now)
        emitNews(at: now)
        emitToOthers(event, at: now)
    }

    /// Envelopes of these channels may arrive from now on.
    mutating func attach(_ indexes: Range<Int>, at now: Moment) {
        let new = Array(context.attached.all[indexes])
        for channel in new { channels.attach(channel) }
        recorder?.attach(new, at: now)
        emit(.attached(indexes), at: now)
    }

    private mutating func emitToOthers(_ event: RelayEvent, at now: Moment) {
        for consumer in consumers { consumer.consume(event, at: now) }
        log.consume(event, at: now)
    }

    /// Passes on news about the recording.
    mutating func emitNews(at now: Moment) {
        guard let news = recorder?.takeNews() else { return }
        for event in news {
            for consumer in consumers { consumer.consume(event, at: now) }
        }
    }

    // MARK: - Deviations that several counters would explain

    /// A deviation of ids that may not be one: recorded immediately, in its place among the envelopes; passed to the
    /// others when it is certain.
    ///
    /// - Returns: the deviation; nil for other events.
    mutating func hold(_ event: RelayEvent, at now: Moment) -> DeviationHold.Deviation? {
        guard let deviation = DeviationHold.Deviation(event) else { return nil }
        recorder?.consume(event, at: now)
        emitNews(at: now)
        channels.held(event)
        if let displaced = held.hold(deviation, at: now.monotonic) { emit(displaced, at: now) }
        return deviation
    }

    /// - Parameter time: on the monotonic clock; `.max` for all.
    mutating func emitHeld(by time: UInt64, at now: Moment) {
        for deviation in held.due(at: time) { emit(deviation, at: now) }
    }

    private mutating func emit(_ deviation: DeviationHold.Deviation, at now: Moment) {
        guard let event = deviation.relayEvent else { return }
        channels.consume(event)
        emitToOthers(event, at: now)
    }

    /// The ids of a channel continued another counter.
    ///
    /// - Parameters:
    ///   - isNews: whether this revealed another counter.
    ///   - withdrawn: deviations that were wrong.
    mutating func turned(_ channel: Int, isNews: Bool, withdrawn: [CaptureEvent.Withdrawn]) {
        channels.turned(channel)
        let reported = held.withdraw(withdrawn, channel: channel)
        if isNews { log.withdraw(reported, channel: channel) }
    }

    /// Ids of a channel returned to an earlier position.
    mutating func returned(_ channel: Int, at now: Moment) { held.returned(on: channel, at: now.monotonic) }

    /// The keys show counters at both ends of a jump.
    mutating func areCounters(_ jump: CaptureEvent.Withdrawn, channel: Int, at now: Moment) {
        held.prolong(jump, channel: channel, at: now.monotonic)
    }

    // MARK: - Order and time

    /// The next id of this channel is not contiguous; only the recorder needs to know.
    mutating func orderBroke(channel: Int) { recorder?.sequenceBroke(channel: channel) }

    /// Periodic work without events.
    mutating func tick(_ now: Moment) {
        emitHeld(by: now.monotonic, at: now)
        recorder?.tick(.now())
        emitNews(at: now)
        if channels.tick(now) { log.flush(at: now.monotonic) }
        channels.publish(at: now.monotonic)
    }

    /// When ``tick(_:)`` is next due, on the monotonic clock.
    mutating func deadline() -> UInt64 {
        let recording = recorder?.nextDeadline ?? .max
        return min(recording, channels.deadline ?? .max, held.deadline ?? .max)
    }

    /// No more events follow; closes the capture.
    ///
    /// - Parameter checkedIDs: see ``Recorder/close(_:checkedIDs:)``.
    mutating func close(checkedIDs: OrdinalNameMap<UInt64>) {
        log.flush(at: .max)
        let now = Moment.now()
        recorder?.close(now, checkedIDs: checkedIDs)
        emitNews(at: now)
    }
}
