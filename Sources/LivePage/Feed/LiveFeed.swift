import Backplane
import Capture
import Logging
import NIOConcurrencyHelpers
import NIOCore
import Prometheus
import Redis
import Relay
import Synchronization
import Time

/// Maintains the contents of the live page, and sends them to open pages.
///
/// It runs beside the recorder: counters are read once a second, events arrive through the ``LiveJournal``, sampled
/// envelopes through the ``EnvelopeSampler``. The recorder's work does not depend on the number of open pages.
final class LiveFeed: Sendable {
    private struct State {
        var snapshot: LiveSnapshot
        var sequence: UInt64 = 0
        var nextSample: UInt64
        var lastFrameAt: UInt64 = 0
        var verdicts: [ChannelVerdict.Kind] = []
        var links: [LiveLink] = []
        /// New since the last frame.
        var events: [LiveEvent] = []
        var lines: [LiveLine] = []
        /// Whether the newest listing has not been sent yet.
        var segmentsChanged = false
        /// Whether a segment event requires a new listing.
        var segmentsAreAsked = false
    }

    /// Polling interval while a page is open: the maximum delay of an event on the page.
    static let lookInterval = Duration.milliseconds(100)
    private static let second: UInt64 = 1_000_000_000
    /// Interval between frames with only new lines.
    private static let lineInterval: UInt64 = 250_000_000
    private static let segmentsInterval: UInt64 = 5_000_000_000

    let journal: LiveJournal
    let pages = LivePages()
    /// nil if nothing is recorded.
    let segments: SegmentCatalog?
    private let configuration: LivePageConfiguration
    private let relay: RelayParts
    let sampler: EnvelopeSampler
    private let showsValues: Bool
    private let state: NIOLockedValueBox<State>

    init(_ configuration: LivePageConfiguration, of relay: RelayParts, at now: Moment = .now()) {
        self.configuration = configuration
        self.relay = relay
        journal = LiveJournal(at: now)
        segments = relay.configuration.recording.map { SegmentCatalog(directory: $0.directory) }
        let channels = relay.observing.channels
        sampler = EnvelopeSampler(forms: channels.map(\.source.form))
        // Nothing is shown that is not recorded.
        let payload = relay.configuration.payload
        showsValues = configuration.showsValues && payload.leavesAll
        state = NIOLockedValueBox(
            State(
                snapshot: LiveSnapshot(
                    channels: channels, records: segments != nil, showsValues: showsValues,
                    showsNames: payload.namesKey == nil, at: now),
                nextSample: now.monotonic + Self.second))
    }

    /// Whether a token is required: only then are there downloads and a logout.
    private var hasToken: Bool { relay.configuration.web.access.token != nil }

    // MARK: - The recorder's thread

    func consume(_ event: RelayEvent, at now: Moment) {
        switch event {
        case .batch(let batch): sampler.offer(batch)
        // Recorded each minute; not shown.
        case .tap(.reached): break
        case .writingFailed(let error): journal.note(.writingFailed(error), at: now)
        case .writingResumed(let lost): journal.note(.writingResumed(lost: lost), at: now)
        default:
            if let event = event.captured(relay.context.channels) { journal.note(event, at: now) }
        }
    }

    // MARK: - Its own task

    /// Runs until the task is cancelled.
    func run() async {
        await withDiscardingTaskGroup { group in
            group.addTask { [self] in await watchSegments() }
            while !Task.isCancelled {
                let now = Moment.now()
                let isOpen = pages.count > 0
                sampler.want(isOpen)
                look(at: now, isOpen: isOpen)
                // On cancellation the loop condition ends it.
                try? await Task.sleep(for: isOpen ? Self.lookInterval : untilNextSample(from: .now()))
            }
            group.cancelAll()
        }
        pages.shut()
    }

    private func untilNextSample(from now: Moment) -> Duration {
        let next = state.withLockedValue { $0.nextSample }
        return next > now.monotonic ? .nanoseconds(Int64(next - now.monotonic)) : .zero
    }

    /// A separate task, because listing a large directory can take long.
    private func watchSegments() async {
        guard let segments else { return }
        var nextLook: UInt64 = 0
        while !Task.isCancelled {
            let now = Moment.now().monotonic
            let isAsked = state.withLockedValue { state in
                defer { state.segmentsAreAsked = false }
                return state.segmentsAreAsked
            }
            if pages.count > 0, isAsked || now >= nextLook {
                nextLook = now + Self.segmentsInterval
                if await segments.look() { state.withLockedValue { $0.segmentsChanged = true } }
            }
            try? await Task.sleep(for: Self.lookInterval * 5)
        }
    }

    /// Reads the state of the relay once, and sends a frame if there is news.
    func look(at now: Moment, isOpen: Bool) {
        let (status, drops) = (relay.context.status, relay.drops)
        let entries = journal.take()
        let envelopes = isOpen ? sampler.take() : []
        // Read after both, so that it includes every channel that they refer to.
        let channels = relay.observing.channels
        sampler.know(channels.map(\.source.form))
        let look = LiveSnapshot.Look(
            isWriting: status.isWriting, isDiskLow: status.isDiskLow, masterLoss: status.masterLoss,
            replica: status.replica, isTapped: status.isTapped, silence: status.silence(at: now),
            lost: relay.recording.lostEnvelopes,
            overflowed: drops.count(.bufferFull), oversized: drops.count(.tooLarge), left: relay.context.attached.left,
            subscribers: channels.indices.map { relay.watch.subscribers(channel: $0) },
            meant: channels.indices.map { relay.watch.meant(channel: $0) }, clients: relay.watch.subscriberRows.table)
        let (frame, line) = state.withLockedValue { state -> (ByteBuffer?, RelaySnapshot?) in
            state.snapshot.attach(channels, at: now)
            let events = state.snapshot.update(look, entries: entries, at: now)
            if events.contains(where: { $0.event.event.hasPrefix("segment") }) { state.segmentsAreAsked = true }
            let isTick = now.monotonic >= state.nextSample
            if isTick {
                state.snapshot.sample(at: now)
                // Missed samples are not made up for.
                state.nextSample = max(state.nextSample + Self.second, now.monotonic + Self.second / 2)
            }
            let line = isTick && configuration.onSnapshot != nil ? self.line(of: state.snapshot) : nil
            guard isOpen else {
                if !state.snapshot.lines.isEmpty { state.snapshot.forgetLines() }
                (state.events, state.lines) = ([], [])
                return (nil, line)
            }
            state.events += events
            state.lines += state.snapshot.add(envelopes)
            return (self.frame(&state, isTick: isTick, at: now), line)
        }
        if let frame { pages.send(frame) }
        if let line { configuration.onSnapshot?(line) }
    }

    private func line(of snapshot: LiveSnapshot) -> RelaySnapshot {
        var channels = zip(snapshot.channels, snapshot.verdicts).map { channel, verdict in
            RelaySnapshot.Channel(
                name: channel.name, isCalm: [.healthy, .quiet, .notWatched].contains(verdict.kind),
                sentence: verdict.sentence.text, times: verdict.sentence.times,
                missing: channel.missingTotal, isHub: channel.hub != nil)
        }
        if let verdict = snapshot.emptyVerdict {
            channels = [
                RelaySnapshot.Channel(
                    name: "hubs", isCalm: false, sentence: verdict.sentence.text, times: verdict.sentence.times,
                    missing: 0, isHub: true)
            ]
        }
        return RelaySnapshot(
            channels: channels, records: segments != nil, recordedBytes: relay.recording.bytes.value,
            writtenBytes: relay.recording.writtenBytes.value)
    }

    /// - Returns: nil if there is nothing to send yet.
    private func frame(_ state: inout State, isTick: Bool, at now: Moment) -> ByteBuffer? {
        let verdicts = (state.snapshot.verdicts + [state.snapshot.emptyVerdict].compactMap { $0 }).map(\.kind)
        let links = configuration.links.all
        let linesAreDue = !state.lines.isEmpty && now.monotonic >= state.lastFrameAt + Self.lineInterval
        guard isTick || linesAreDue || !state.events.isEmpty || verdicts != state.verdicts || state.segmentsChanged
        else {
            return nil
        }
        state.sequence += 1
        state.lastFrameAt = now.monotonic
        var frame = LiveFrame(isTick ? "tick" : "change", sequence: state.sequence, snapshot: state.snapshot)
        frame.addChannels(state.snapshot, samples: isTick ? .newest : .none, tables: isTick)
        if isTick { frame.addClients(state.snapshot.clients) }
        if !state.events.isEmpty { frame.addEvents(state.events) }
        if !state.lines.isEmpty { frame.addLines(state.lines) }
        if state.segmentsChanged {
            frame.addSegments(segments?.listing, snapshot: state.snapshot, mayDownload: hasToken)
        }
        if links != state.links { frame.addLinks(links) }
        state.verdicts = verdicts
        state.links = links
        state.segmentsChanged = false
        (state.events, state.lines) = ([], [])
        return frame.finished()
    }

    /// A complete frame, for a page that has just opened or has fallen behind.
    func wholeFrame() -> ByteBuffer {
        // Created outside the lock: it is large, and the snapshot is a value.
        let (snapshot, sequence) = state.withLockedValue { ($0.snapshot, $0.sequence) }
        var frame = LiveFrame("state", sequence: sequence, snapshot: snapshot)
        frame.addVersion(
            relay.configuration.version, showsValues: showsValues, records: segments != nil,
            hasToken: hasToken)
        frame.addLinks(configuration.links.all)
        frame.addChannels(snapshot, samples: .all, tables: true)
        frame.addClients(snapshot.clients)
        frame.addEvents(snapshot.events)
        frame.addLines(snapshot.lines)
        frame.addSegments(segments?.listing, snapshot: snapshot, mayDownload: hasToken)
        return frame.finished()
    }
}
