import Backplane
import Capture
import Time

/// The one way that the events of a relay take: to its metrics, its status, the recorder, the consumers beside it, the log, in
/// this order.
///
/// Those of its own are told statically, since each envelope passes them; the others once a batch. A deviation of ids that
/// may be the turn of another counter is recorded at once, and told to the others when it is sure.
struct EventFanOut: ~Copyable {
    var channels: ObservedChannels
    var recorder: Recorder?
    private var log: RelayLog
    private let consumers: [any RelayConsumer]
    /// What is recorded, and waits to be told until it is known whether there are several counters.
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

    mutating func tell(_ event: RelayEvent, at now: Moment) {
        // First: who is told that the relay is ready must not read that it is down.
        channels.consume(event)
        context.status.consume(event)
        recorder?.consume(event, at: now)
        tellNews(at: now)
        tellOthers(event, at: now)
    }

    /// Envelopes of these channels may come from now on.
    mutating func attach(_ indexes: Range<Int>, at now: Moment) {
        let new = Array(context.attached.all[indexes])
        for channel in new { channels.attach(channel) }
        recorder?.attach(new, at: now)
        tell(.attached(indexes), at: now)
    }

    private mutating func tellOthers(_ event: RelayEvent, at now: Moment) {
        for consumer in consumers { consumer.consume(event, at: now) }
        log.consume(event, at: now)
    }

    /// What has become of the recording.
    mutating func tellNews(at now: Moment) {
        guard let news = recorder?.takeNews() else { return }
        for event in news {
            for consumer in consumers { consumer.consume(event, at: now) }
        }
    }

    // MARK: - What several counters would explain, too

    /// A deviation of ids that may be none: into the capture at once, in its place among the envelopes; told to all others
    /// when it is sure.
    ///
    /// - Returns: the deviation; nil if the event is none.
    mutating func hold(_ event: RelayEvent, at now: Moment) -> DeviationHold.Deviation? {
        guard let deviation = DeviationHold.Deviation(event) else { return nil }
        recorder?.consume(event, at: now)
        tellNews(at: now)
        channels.held(event)
        if let displaced = held.hold(deviation, at: now.monotonic) { tell(displaced, at: now) }
        return deviation
    }

    /// - Parameter time: of the monotonic clock; `.max` for all.
    mutating func tellHeld(by time: UInt64, at now: Moment) {
        for deviation in held.due(at: time) { tell(deviation, at: now) }
    }

    private mutating func tell(_ deviation: DeviationHold.Deviation, at now: Moment) {
        guard let event = deviation.relayEvent else { return }
        channels.consume(event)
        tellOthers(event, at: now)
    }

    /// The ids of a channel went on with another counter.
    ///
    /// - Parameters:
    ///   - isNews: if that shows one counter more than was known.
    ///   - withdrawn: deviations that were none.
    mutating func turned(_ channel: Int, isNews: Bool, withdrawn: [CaptureEvent.Withdrawn]) {
        channels.turned(channel)
        let told = held.withdraw(withdrawn, channel: channel)
        if isNews { log.isMistold(told, channel: channel) }
    }

    /// Ids of a channel are back where they had been before.
    mutating func returned(_ channel: Int, at now: Moment) { held.returned(on: channel, at: now.monotonic) }

    /// The keys say that counters stand at both ends of a jump.
    mutating func areCounters(_ jump: CaptureEvent.Withdrawn, channel: Int, at now: Moment) {
        held.prolong(jump, channel: channel, at: now.monotonic)
    }

    // MARK: - Order and time

    /// The next id of this channel does not follow the last one, which is told to nobody else.
    mutating func orderBroke(channel: Int) { recorder?.sequenceBroke(channel: channel) }

    /// What goes on without events.
    mutating func tick(_ now: Moment) {
        tellHeld(by: now.monotonic, at: now)
        recorder?.tick(.now())
        tellNews(at: now)
        if channels.tick(now) { log.flush(at: now.monotonic) }
        channels.publish(at: now.monotonic)
    }

    /// When ``tick(_:)`` has something to do next, on the monotonic clock.
    mutating func deadline() -> UInt64 {
        let recording = recorder?.nextDeadline ?? .max
        return min(recording, channels.deadline ?? .max, held.deadline ?? .max)
    }

    /// Nothing more is told; closes the capture.
    ///
    /// - Parameter checkedIDs: see ``Recorder/close(_:checkedIDs:)``.
    mutating func close(checkedIDs: OrdinalNameMap<UInt64>) {
        log.flush(at: .max)
        let now = Moment.now()
        recorder?.close(now, checkedIDs: checkedIDs)
        tellNews(at: now)
    }
}
