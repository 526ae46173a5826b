import Capture
import Logging
import NIOConcurrencyHelpers
import NIOCore
import Prometheus
import Redis
import Time

/// Keeps what the live page shows, and sends it to those that are open.
///
/// It lives beside the recorder: counters are read once a second, events come by way of the ``LiveJournal``, a sample of the
/// envelopes by way of the ``EnvelopeSampler``. However many pages are open, the recorder's thread does the same.
final class LiveFeed: EnvelopeConsumer {
    struct Configuration: Sendable {
        var version: String
        var showsValues = false
        var links = LiveLinks()
        /// Whether who looks has shown a token: only then there is something to download, and to log out of.
        var hasToken = false
        /// Called once a second.
        var onSnapshot: (@Sendable (RelaySnapshot) -> Void)?
    }

    private struct State {
        var board: LiveSnapshot
        var sequence: UInt64 = 0
        var nextSample: UInt64
        var lastFrameAt: UInt64 = 0
        var verdicts: [ChannelVerdict.Kind] = []
        var links: [LiveLink] = []
        /// New since the last frame.
        var events: [LiveEvent] = []
        var lines: [LiveLine] = []
        /// Whether pages have not yet been told of the newest listing.
        var shelfChanged = false
        /// Whether something has happened to the segments.
        var shelfIsAsked = false
    }

    /// Between looks while a page is open: what happens is on the screen that much later.
    static let lookInterval = Duration.milliseconds(100)
    private static let second: UInt64 = 1_000_000_000
    /// Between frames for nothing but new lines.
    private static let lineInterval: UInt64 = 250_000_000
    private static let shelfInterval: UInt64 = 5_000_000_000

    let journal: LiveJournal
    let pages = LivePages()
    let shelf: SegmentCatalog?
    let configuration: Configuration
    private let metrics: RelayMetrics
    private let status: RelayStatus
    private let watch: WatchMetrics
    private let sampler: EnvelopeSampler
    private let state: NIOLockedValueBox<State>

    /// - Parameter recordDirectory: nil if nothing is recorded.
    init(
        configuration: Configuration, metrics: RelayMetrics, status: RelayStatus, watch: WatchMetrics,
        recordDirectory: String?, at now: Moment = .now()
    ) {
        self.configuration = configuration
        self.metrics = metrics
        self.status = status
        self.watch = watch
        journal = LiveJournal(at: now)
        shelf = recordDirectory.map { SegmentCatalog(directory: $0) }
        sampler = EnvelopeSampler(channels: metrics.channels.count)
        let samples = SampleRing.capacity(channels: metrics.channels.count)
        let channels = zip(metrics.channelNames, metrics.channels).map {
            ChannelSnapshot(name: $0, metrics: $1, samples: samples)
        }
        state = NIOLockedValueBox(
            State(
                board: LiveSnapshot(
                    channels: channels, records: recordDirectory != nil, showsValues: configuration.showsValues, at: now
                ),
                nextSample: now.monotonic + Self.second))
    }

    // MARK: - The recorder's thread

    func subscribed(_ subscription: Subscription) {}

    func offer(_ batch: EnvelopeBatch) { sampler.offer(batch) }

    // MARK: - Its own task

    func run() async throws {
        await withDiscardingTaskGroup { group in
            group.addTask { [self] in await watchShelf() }
            while !Task.isCancelled {
                let now = Moment.now()
                let isOpen = pages.count > 0
                sampler.want(isOpen)
                look(at: now, isOpen: isOpen)
                // Cancelled while waiting: the loop's condition ends it.
                try? await Task.sleep(for: isOpen ? Self.lookInterval : untilNextSample(from: .now()))
            }
            group.cancelAll()
        }
        pages.shut()
    }

    func finish() async { pages.shut() }

    private func untilNextSample(from now: Moment) -> Duration {
        let next = state.withLockedValue { $0.nextSample }
        return next > now.monotonic ? .nanoseconds(Int64(next - now.monotonic)) : .zero
    }

    /// Apart from the rest: to list a large directory can take long.
    private func watchShelf() async {
        guard let shelf else { return }
        var nextLook: UInt64 = 0
        while !Task.isCancelled {
            let now = Moment.now().monotonic
            let isAsked = state.withLockedValue { state in
                defer { state.shelfIsAsked = false }
                return state.shelfIsAsked
            }
            if pages.count > 0, isAsked || now >= nextLook {
                nextLook = now + Self.shelfInterval
                if await shelf.look() { state.withLockedValue { $0.shelfChanged = true } }
            }
            try? await Task.sleep(for: Self.lookInterval * 5)
        }
    }

    /// One look at the relay, and a frame for the pages if there is something to tell.
    func look(at now: Moment, isOpen: Bool) {
        let look = LiveSnapshot.Look(
            isWriting: status.isWriting, isDiskLow: status.isDiskLow, masterLoss: status.masterLoss,
            silence: status.silence(at: now),
            lost: metrics.lostTotal, overflowed: metrics.dropped(.bufferFull),
            oversized: metrics.dropped(.tooLarge),
            subscribers: metrics.channels.indices.map { watch.subscribers(channel: $0) },
            meant: metrics.channels.indices.map { watch.meant(channel: $0) }, clients: watch.subscriberRows.table)
        let entries = journal.take()
        let envelopes = isOpen ? sampler.take() : []
        let (frame, glance) = state.withLockedValue { state -> (ByteBuffer?, RelaySnapshot?) in
            let events = state.board.update(look, entries: entries, at: now)
            if events.contains(where: { $0.event.event.hasPrefix("segment") }) { state.shelfIsAsked = true }
            let isTick = now.monotonic >= state.nextSample
            if isTick {
                state.board.sample(at: now)
                // What was slept through is not made up for.
                state.nextSample = max(state.nextSample + Self.second, now.monotonic + Self.second / 2)
            }
            let glance = isTick && configuration.onSnapshot != nil ? self.glance(at: state.board) : nil
            guard isOpen else {
                if !state.board.lines.isEmpty { state.board.forgetLines() }
                (state.events, state.lines) = ([], [])
                return (nil, glance)
            }
            state.events += events
            state.lines += state.board.add(envelopes)
            return (Self.frame(&state, isTick: isTick, at: now, configuration, shelf?.listing), glance)
        }
        if let frame { pages.send(frame) }
        if let glance { configuration.onSnapshot?(glance) }
    }

    private func glance(at board: LiveSnapshot) -> RelaySnapshot {
        RelaySnapshot(
            channels: zip(board.channels, board.verdicts).map { channel, verdict in
                RelaySnapshot.Channel(
                    name: channel.name, isCalm: verdict.kind == .healthy || verdict.kind == .quiet,
                    sentence: verdict.sentence.text, times: verdict.sentence.times,
                    missing: channel.missingTotal)
            }, records: shelf != nil, recordedBytes: metrics.recordedBytes.value,
            writtenBytes: metrics.writtenBytes.value)
    }

    /// - Returns: nil if nothing is worth one yet.
    private static func frame(
        _ state: inout State, isTick: Bool, at now: Moment, _ configuration: Configuration,
        _ listing: SegmentCatalog.Listing?
    ) -> ByteBuffer? {
        let verdicts = state.board.verdicts.map(\.kind)
        let links = configuration.links.all
        let linesAreDue = !state.lines.isEmpty && now.monotonic >= state.lastFrameAt + lineInterval
        guard isTick || linesAreDue || !state.events.isEmpty || verdicts != state.verdicts || state.shelfChanged else {
            return nil
        }
        state.sequence += 1
        state.lastFrameAt = now.monotonic
        var frame = LiveFrame(isTick ? "tick" : "change", sequence: state.sequence, board: state.board)
        frame.addChannels(state.board, samples: isTick ? .newest : .none, tables: isTick)
        if isTick { frame.addClients(state.board.clients) }
        if !state.events.isEmpty { frame.addEvents(state.events) }
        if !state.lines.isEmpty { frame.addLines(state.lines) }
        if state.shelfChanged { frame.addSegments(listing, board: state.board, mayDownload: configuration.hasToken) }
        if links != state.links { frame.addLinks(links) }
        state.verdicts = verdicts
        state.links = links
        state.shelfChanged = false
        (state.events, state.lines) = ([], [])
        return frame.finished()
    }

    /// Everything, for a page that has just opened or has fallen behind.
    func wholeFrame() -> ByteBuffer {
        // Made outside the lock: it is large, and the board is a value.
        let (board, sequence) = state.withLockedValue { ($0.board, $0.sequence) }
        var frame = LiveFrame("state", sequence: sequence, board: board)
        frame.addVersion(
            configuration.version, showsValues: configuration.showsValues, records: shelf != nil,
            hasToken: configuration.hasToken)
        frame.addLinks(configuration.links.all)
        frame.addChannels(board, samples: .all, tables: true)
        frame.addClients(board.clients)
        frame.addEvents(board.events)
        frame.addLines(board.lines)
        frame.addSegments(shelf?.listing, board: board, mayDownload: configuration.hasToken)
        return frame.finished()
    }
}
