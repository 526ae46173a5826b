import Backplane
import Capture

/// The one way that the events of a relay take: to its metrics, its status, the recorder, the consumers beside it, the log, in
/// this order.
///
/// Those of its own are told statically, since each envelope passes them; the others once a batch.
struct EventFanOut: ~Copyable {
    var channels: ObservedChannels
    var recorder: Recorder?
    private var log: RelayLog
    private let consumers: [any RelayConsumer]

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

    /// The next id of this channel does not follow the last one, which is told to nobody else.
    mutating func orderBroke(channel: Int) { recorder?.sequenceBroke(channel: channel) }

    /// What goes on without events.
    mutating func tick(_ now: Moment) {
        recorder?.tick(.now())
        tellNews(at: now)
        if channels.tick(now) { log.flush(at: now.monotonic) }
        channels.publish(at: now.monotonic)
    }

    /// When ``tick(_:)`` has something to do next, on the monotonic clock.
    mutating func deadline() -> UInt64 {
        let recording = recorder?.nextDeadline ?? .max
        return min(recording, channels.deadline ?? .max)
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
