import Backplane
import Capture
import Relay
import Time

/// Everything that a live page shows, updated at each look. Pure: time and counters are passed in.
struct LiveSnapshot: Sendable {
    /// What a look at the relay provides besides counters and events.
    struct Look: Sendable {
        var isWriting = true
        var isDiskLow = false
        var masterLoss: MasterLoss?
        var replica: ReplicaHealth?
        /// Whether Redis does not count this relay, because it reads the replication stream.
        var isTapped = false
        /// How long the recorder's loop has not run, in nanoseconds.
        var silence: UInt64 = 0
        /// Since the start.
        var lost = 0
        var overflowed = 0
        var oversized = 0
        /// Channel indexes of hubs that are not watched, because they have no nodes.
        var left: Set<Int> = []
        /// By channel index.
        var subscribers: [Int?]
        /// By channel index: the name that was probably meant; empty if unknown.
        var meant: [String?] = []
        /// All subscribers of the server; nil if unknown.
        var clients: SubscriberTable?
    }

    /// Maximum number of events kept for pages opened later.
    static let eventLimit = 200
    static let lineLimit = 60
    static let clientLimit = 20

    private(set) var channels: [ChannelSnapshot]
    private(set) var recording: RecordingSnapshot
    private(set) var connection: LiveConnection
    private(set) var events: [LiveEvent] = []
    private(set) var lines: [LiveLine] = []
    /// Events that arrived too fast to be shown.
    private(set) var overrun = 0
    private(set) var now: Moment
    private let startedAt: UInt64
    private let showsValues: Bool
    private let showsNames: Bool
    private var watchedSince: UInt64?
    private var look: Look
    private var sampledAt: UInt64
    private var nextLine: UInt64 = 1

    /// - Parameters:
    ///   - showsValues: whether lines show what users wrote.
    ///   - showsNames: whether lines show names of groups and users, and connection ids.
    init(
        channels: [ChannelMetrics], records: Bool, showsValues: Bool = false, showsNames: Bool = true, at now: Moment
    ) {
        let samples = SampleRing.capacity(channels: channels.count)
        self.channels = channels.map { ChannelSnapshot(name: $0.channel, metrics: $0, samples: samples) }
        self.showsNames = showsNames
        self.showsValues = showsValues
        self.now = now
        recording = RecordingSnapshot(records: records)
        connection = .connecting(since: now.realtime)
        startedAt = now.realtime
        sampledAt = now.monotonic
        look = Look(subscribers: channels.map { _ in nil })
    }

    /// Adds channels attached since. With many channels, the existing ones then keep fewer samples.
    ///
    /// - Parameter all: all channels, by channel index.
    mutating func attach(_ all: [ChannelMetrics], at now: Moment) {
        guard all.count > channels.count else { return }
        let samples = SampleRing.capacity(channels: all.count)
        for index in channels.indices { channels[index].keepSamples(samples) }
        channels += all[channels.count...].map {
            ChannelSnapshot(name: $0.channel, metrics: $0, samples: samples, foundAt: now.realtime)
        }
    }

    /// - Returns: the events that are new.
    mutating func update(_ look: Look, entries: LiveJournal.Entries, at now: Moment) -> [LiveEvent] {
        self.now = now
        self.look = look
        connection = entries.connection
        if watchedSince == nil, case .subscribed(let since) = connection { watchedSince = since }
        // Before the subscription there is nothing to write.
        recording.look(
            isWriting: look.isWriting || watchedSince == nil, isDiskLow: look.isDiskLow, lost: look.lost,
            overflowed: look.overflowed, oversized: look.oversized, at: now.realtime)
        overrun += entries.overrun
        for event in entries.events {
            for index in channels.indices
            where event.event.channel == nil || event.event.channel?.isSameOrdinally(as: channels[index].name) == true {
                channels[index].observe(event)
            }
        }
        events.append(contentsOf: entries.events)
        if events.count > Self.eventLimit { events.removeFirst(events.count - Self.eventLimit) }
        return entries.events
    }

    /// Called once a second.
    mutating func sample(at now: Moment) {
        let seconds = Double(now.monotonic - sampledAt) * 1e-9
        guard seconds > 0 else { return }
        sampledAt = now.monotonic
        for index in channels.indices { channels[index].sample(at: now.realtime, seconds: seconds) }
    }

    /// - Returns: the new lines.
    mutating func add(_ envelopes: [SampledEnvelope]) -> [LiveLine] {
        let new = envelopes.map { envelope in
            defer { nextLine += 1 }
            return LiveLine(envelope, number: nextLine, showsValue: showsValues, showsNames: showsNames)
        }
        for line in new {
            if channels.indices.contains(line.channel), let hub = line.hub, let method = line.method {
                channels[line.channel].calls.count(hub: hub, method: method)
            }
        }
        lines.append(contentsOf: new)
        if lines.count > Self.lineLimit { lines.removeFirst(lines.count - Self.lineLimit) }
        return new
    }

    /// The last page closed: samples are not kept for the next one.
    mutating func forgetLines() {
        lines = []
        for index in channels.indices { channels[index].calls = TopCalls() }
    }

    func state(ofChannel index: Int) -> ChannelState {
        let channel = channels[index]
        return ChannelState(
            now: now.realtime, watchedSince: watchedSince ?? startedAt, connection: self.connection(of: channel),
            masterLoss: look.masterLoss, replica: look.replica, isTapped: look.isTapped, silence: look.silence,
            rate: channel.rate, byteRate: channel.byteRate,
            // For a hub this is the time to an ack.
            latency: channel.hub == nil ? channel.recentLatency : nil,
            lastEnvelopeAt: channel.lastEnvelopeAt,
            lastID: channel.lastID, listeners: subscribers(ofChannel: index).map { max(0, $0 - 1) },
            meant: look.meant.indices.contains(index) ? look.meant[index] : nil,
            slow: slowSubscribers(ofChannel: index), gap: channel.gap,
            reset: channel.reset, interleaving: channel.interleaving,
            drops: recording.drops, recording: recording.state, isOneOfMany: channels.count > 1,
            hub: channel.hubState(isLeft: look.left.contains(index)))
    }

    /// nil if unknown, or if the channel has just been attached.
    private func subscribers(ofChannel index: Int) -> Int? {
        look.subscribers.indices.contains(index) ? look.subscribers[index] : nil
    }

    /// A discovered hub is subscribed to later than the other channels.
    private func connection(of channel: ChannelSnapshot) -> LiveConnection {
        guard case .subscribed(let since) = connection else { return connection }
        if let waitsSince = channel.waitsSince { return .connecting(since: waitsSince) }
        return .subscribed(since: max(since, channel.heardSince ?? 0))
    }

    /// The list is for the whole server. It applies to the channel only if all its subscribers listen to the channel.
    private func slowSubscribers(ofChannel index: Int) -> [ChannelState.Slow] {
        let counted = subscribers(ofChannel: index).map { $0 - (look.isTapped ? 1 : 0) }
        guard let clients = look.clients, clients.listening == counted else { return [] }
        return clients.sorted.filter(\.row.isSlow).map { key, row in
            ChannelState.Slow(name: key.name, address: key.address, waiting: row.waiting)
        }
    }

    /// Subscribers of the server, sorted by waiting bytes; as many as a page shows.
    var clients: [(key: SubscriberTable.Key, row: SubscriberTable.Row)] {
        Array((look.clients?.sorted ?? []).filter { $0.row.connections > 0 }.prefix(Self.clientLimit))
    }

    /// With an open segment extended to the newest id.
    func shown(_ segment: SegmentCatalog.Segment) -> SegmentCatalog.Segment {
        guard segment.stored.isOpen else { return segment }
        var segment = segment
        for channel in channels {
            guard let first = segment.ids[channel.name]?.lowerBound else { continue }
            segment.ids[channel.name] = first...max(first, channel.lastID)
        }
        return segment
    }

    /// The state line before any hub was discovered; nil if there is a channel.
    var emptyVerdict: ChannelVerdict? {
        guard channels.isEmpty else { return nil }
        let verdict = ChannelState(
            now: now.realtime, watchedSince: startedAt, connection: connection, silence: look.silence,
            recording: recording.state
        ).verdict
        switch verdict.kind {
        case .hanging, .redisDown,
            .subscribing where verdict.level == .bad:
            return verdict
        default: break
        }
        var sentence = Sentence()
        sentence.add(
            "no hub yet: none was found since {}; does an application run, and is the channel prefix right? Hubs are attached as they come",
            startedAt)
        return ChannelVerdict(kind: .noNodes, level: .warning, sentence: sentence)
    }

    var verdicts: [ChannelVerdict] { channels.indices.map { state(ofChannel: $0).verdict } }
}

/// The state of a relay at one moment, for a status line updated once a second.
package struct RelaySnapshot: Sendable, Equatable {
    /// One event key or hub.
    package struct Channel: Sendable, Equatable {
        /// The event key, or prefix and type of the hub; `hubs` while none has been found yet.
        package var name: String
        /// True if no action is needed: traffic flows, or there is none.
        package var isCalm: Bool
        /// The sentence on the live page, with `{0}`, `{1}` as placeholders for times.
        package var sentence: String
        /// Nanoseconds since 1970.
        package var times: [UInt64]
        /// Missing ids since the start.
        package var missing: Int
        /// True for a hub of ASP.NET Core: its wire has no ids, so missing envelopes cannot be detected.
        package var isHub = false
    }

    /// In the order of their indexes.
    package var channels: [Channel]
    /// False if there is no record directory.
    package var records: Bool
    /// Payload bytes recorded since the start, before compression.
    package var recordedBytes: Int
    /// Growth of the segment files since the start, in bytes; 0 if the relay does not record.
    package var writtenBytes: Int
}

/// Tracks whether recording works, and the losses while it does not. Times are nanoseconds since 1970.
struct RecordingSnapshot: Sendable {
    private(set) var state: ChannelState.Recording
    private(set) var drops: ChannelState.Drops?
    private let records: Bool
    /// As of the last look.
    private var lost = 0
    private var overflowed = 0
    private var oversized = 0
    /// `lost` at the start of the outage.
    private var baseline = 0

    init(records: Bool) {
        self.records = records
        state = records ? .writing : .off
    }

    /// - Parameters:
    ///   - isWriting, isDiskLow: as reported by the recorder.
    ///   - lost: envelopes that could not be written, since the start.
    ///   - overflowed: envelopes dropped because memory was full, since the start.
    ///   - oversized: envelopes larger than the whole intake, since the start.
    mutating func look(
        isWriting: Bool, isDiskLow: Bool, lost: Int, overflowed: Int, oversized: Int = 0, at now: UInt64
    ) {
        defer { (self.lost, self.overflowed, self.oversized) = (lost, overflowed, oversized) }
        if overflowed > self.overflowed || oversized > self.oversized {
            dropped(overflowed - self.overflowed, oversized: oversized - self.oversized, at: now)
        }
        guard records else { return }
        switch (isDiskLow, isWriting) {
        case (true, _):
            if case .paused(let since, _) = state {
                state = .paused(since: since, lost: lost - baseline)
            } else {
                baseline = self.lost
                state = .paused(since: now, lost: lost - baseline)
            }
        case (false, false):
            if case .failing(let since, _) = state {
                state = .failing(since: since, lost: lost - baseline)
            } else {
                baseline = self.lost
                state = .failing(since: now, lost: lost - baseline)
            }
        case (false, true):
            state = .writing
        }
    }

    private mutating func dropped(_ envelopes: Int, oversized: Int, at now: UInt64) {
        var new = ChannelState.Drops(
            firstAt: now, lastAt: now, envelopes: envelopes + oversized, oversized: oversized)
        if let last = drops, last.lastAt + ChannelState.newsSpan > now {
            new.firstAt = last.firstAt
            new.envelopes += last.envelopes
            new.oversized += last.oversized
        }
        drops = new
    }
}
