import Relay

/// Everything that determines the state line of one channel. Times are nanoseconds since 1970.
struct ChannelState: Sendable, Equatable {
    enum Recording: Sendable, Equatable {
        /// Not requested.
        case off
        case writing
        /// Disk space is low.
        case paused(since: UInt64, lost: Int)
        case failing(since: UInt64, lost: Int)
    }

    /// Missing ids, merged if consecutive.
    struct Gap: Sendable, Equatable {
        var firstAt: UInt64
        var lastAt: UInt64
        var missing: Int
        /// The cause in the event.
        var cause: String
    }

    struct Reset: Sendable, Equatable {
        var at: UInt64
        var from: UInt64
        var to: UInt64
        /// The highest id before this or an earlier reset: clients may be waiting for it.
        var highest: UInt64
    }

    /// A subscriber that reads too slowly, or not at all.
    struct Slow: Sendable, Equatable {
        var name: String
        var address: String
        /// Bytes waiting in Redis for it.
        var waiting: Int
    }

    /// Several counters that assign ids in turn.
    struct Interleaving: Sendable, Equatable {
        var firstAt: UInt64
        /// When ids last switched to another counter.
        var lastAt: UInt64
        var counters: Int
        /// Numbers of their databases; empty if unknown.
        var databases: [String]
    }

    struct Drops: Sendable, Equatable {
        var firstAt: UInt64
        var lastAt: UInt64
        var envelopes: Int
        /// Of these, envelopes larger than the whole intake.
        var oversized = 0
    }

    /// Events count as news for this long.
    static let newsSpan: UInt64 = 60_000_000_000
    /// A channel without an envelope for this long is quiet.
    static let quietSpan: UInt64 = 10_000_000_000
    /// A Redis without an answer for this long is down.
    static let patience: UInt64 = 10_000_000_000
    /// The recorder's loop runs at least once a second; a longer pause than this counts as hanging.
    static let hangSpan: UInt64 = 4_000_000_000

    var now: UInt64
    /// When observation of ids started.
    var watchedSince: UInt64
    var connection: LiveConnection
    var masterLoss: MasterLoss?
    /// The replica subscribed to; nil for a master.
    var replica: ReplicaHealth?
    /// Whether the channel comes from the replication stream.
    var isTapped = false
    /// How long the recorder's loop has not run, in nanoseconds.
    var silence: UInt64 = 0
    /// Envelopes per second.
    var rate = 0.0
    /// Bytes per second.
    var byteRate = 0.0
    var latency: LatencyWindow.Quantiles?
    var lastEnvelopeAt: UInt64?
    /// The id of the newest envelope; 0 before the first.
    var lastID: UInt64 = 0
    /// Subscribers of the channel besides this relay; nil if unknown.
    var listeners: Int?
    /// The channel that was probably meant, if this one has no other subscribers.
    var meant: String?
    /// Slow subscribers of the channel; empty if the server's subscribers cannot be attributed to it.
    var slow: [Slow] = []
    var gap: Gap?
    var reset: Reset?
    var interleaving: Interleaving?
    var drops: Drops?
    var recording = Recording.off
    /// Whether unrecorded envelopes may belong to other channels.
    var isOneOfMany = false
    /// nil for an event key of SignalR 2. The wire of ASP.NET Core has no ids and no publisher's time.
    var hub: HubState?

    /// The figures of the sentence, so that the page shows the same ones elsewhere.
    struct Figures: Sendable, Equatable {
        /// Envelopes per second.
        var rate: Double
        /// Bytes per second.
        var bytes: Double
        /// Ids found missing in the last minute; for a hub, group commands without an ack.
        var missing: Int
        /// For a hub, from a group command to its ack.
        var latency: LatencyWindow.Quantiles?
    }

    var figures: Figures {
        if let hub {
            return Figures(rate: rate, bytes: byteRate, missing: hub.missingAcks(at: now), latency: hub.ackDuration)
        }
        return Figures(
            rate: rate, bytes: byteRate, missing: gap.flatMap { isNews($0.lastAt) ? $0.missing : nil } ?? 0,
            latency: rate == 0 ? nil : latency)
    }

    var verdict: ChannelVerdict {
        let kind = kind
        var sentence = Sentence()
        addOpening(kind, to: &sentence)
        switch kind {
        // Traffic figures are stale in these states.
        case .subscribing, .redisDown, .hanging, .notWatched: break
        default:
            addTraffic(kind, to: &sentence)
            addMissing(kind, to: &sentence)
            if recording == .off { sentence.add(", not recorded") }
            if kind == .quiet, listeners == 0, hub == nil {
                let question = meant.map { "did you mean '\(Words.withoutBraces($0))'?" }
                sentence.add("; no node is subscribed: \(question ?? "is the event key spelled as in Startup.cs?")")
            }
            addDeafness(kind, to: &sentence)
        }
        return ChannelVerdict(kind: kind, level: isTakingLong ? .bad : kind.level, sentence: sentence)
    }

    // MARK: - The kind

    private var kind: ChannelVerdict.Kind {
        if silence >= Self.hangSpan { return .hanging }
        switch connection {
        case .connecting: return .subscribing
        case .lost: return .redisDown
        case .subscribed: break
        }
        if hub?.leftAt != nil { return .notWatched } else if masterLoss != nil { return .demoted }
        if let replica, !replica.isLinked { return .linkDown }
        switch recording {
        case .paused: return .paused
        case .failing: return .notRecording
        case .off, .writing: break
        }
        if isNews(drops?.lastAt) { return .dropping }
        // An apparent reset or gap was another counter.
        if isNews(interleaving?.lastAt) { return .interleaved }
        if isNews(reset?.at) { return .reset }
        if isNews(gap?.lastAt) { return .gap }
        if let news = hub?.kind(at: now) { return news }
        if !slow.isEmpty { return .slowSubscriber }
        if hub != nil, isQuiet, listeners == 0 { return .noNodes }
        return isQuiet ? .quiet : .healthy
    }

    var isQuiet: Bool {
        guard let lastEnvelopeAt else { return true }
        return lastEnvelopeAt + Self.quietSpan <= now
    }

    /// Redis should have answered by now.
    var isTakingLong: Bool {
        guard kind == .subscribing, case .connecting(let since) = connection else { return false }
        return since + Self.patience <= now
    }

    func isNews(_ time: UInt64?) -> Bool {
        time.map { $0 + Self.newsSpan > now } ?? false
    }
}
