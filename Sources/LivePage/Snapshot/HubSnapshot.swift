import Backplane
import Prometheus
import Relay

/// Figures that only hubs of ASP.NET Core have, from counters read once a second.
struct HubSnapshot: Sendable {
    private let metrics: ChannelMetrics
    private(set) var state = HubState()
    private var undecodable: Int
    private var missingAcks: Int
    private var lacking: [Int]
    private var acks: LatencyWindow

    /// nil for an event key of SignalR 2.
    init?(_ metrics: ChannelMetrics) {
        guard metrics.dialect == .core else { return nil }
        self.metrics = metrics
        undecodable = Self.undecodable(metrics)
        missingAcks = metrics.missingAcks
        lacking = metrics.protocols.map(\.lacking)
        acks = LatencyWindow(metrics.ackDuration)
    }

    /// - Returns: since the last call: group commands without an ack in time, and the times to an ack of the others.
    mutating func sample(at time: UInt64) -> (missingAcks: Int, acks: LatencyWindow.Quantiles?) {
        let missing = metrics.missingAcks - missingAcks
        Self.note(Self.undecodable(metrics) - undecodable, at: time, in: &state.undecodable)
        Self.note(missing, at: time, in: &state.missingAcks)
        for (index, figures) in metrics.protocols.enumerated() {
            Self.note(figures.lacking - lacking[index], at: time, in: &state.lacking[figures.name])
            lacking[index] = figures.lacking
        }
        undecodable = Self.undecodable(metrics)
        missingAcks += missing
        return (missing, acks.advance(to: metrics.ackDuration))
    }

    /// Hub protocols seen in this run.
    var protocols: [ChannelMetrics.ProtocolFigures] { metrics.protocols.filter { $0.envelopes > 0 || $0.lacking > 0 } }

    /// Group commands of this run by action, followed by the numbers with and without an ack; empty if there are none.
    var commands: [(label: String, count: Int)] {
        let commands = metrics.groupCommands.filter { $0.count > 0 }
        guard !commands.isEmpty else { return [] }
        return commands + [
            ("with an ack", metrics.ackDuration.bucketCounts.reduce(0, +)),
            ("without an ack within 30 s", metrics.missingAcks),
        ]
    }

    private static func undecodable(_ metrics: ChannelMetrics) -> Int {
        metrics.undecodable.reduce(0) { $0 + $1.value }
    }

    private static func note(_ count: Int, at time: UInt64, in news: inout HubState.News?) {
        guard count > 0 else { return }
        if let last = news, last.lastAt + ChannelState.newsSpan > time {
            news = HubState.News(firstAt: last.firstAt, lastAt: time, count: last.count + count)
        } else {
            news = HubState.News(firstAt: time, lastAt: time, count: count)
        }
    }
}

/// The part of a ``ChannelState`` that only hubs of ASP.NET Core have. Times are nanoseconds since 1970.
struct HubState: Sendable, Equatable {
    /// Repeated events, merged while they are news.
    struct News: Sendable, Equatable {
        var firstAt: UInt64
        var lastAt: UInt64
        var count: Int
    }

    /// When the relay stopped watching it, because it had no nodes; nil while it is watched.
    var leftAt: UInt64?
    /// Payloads that are not envelopes of ASP.NET Core.
    var undecodable: News?
    /// Group commands without an ack within 30 s.
    var missingAcks: News?
    /// Envelopes without a hub protocol that others have, by the protocol's name.
    var lacking: [String: News] = [:]
    /// From a group command to its ack, in seconds.
    var ackDuration: LatencyWindow.Quantiles?

    /// The most severe state that is news at this time; nil if there is none.
    func kind(at now: UInt64) -> ChannelVerdict.Kind? {
        if worstLack(at: now) != nil { return .protocolMissing }
        if Self.isNews(undecodable, at: now) { return .undecodable }
        return Self.isNews(missingAcks, at: now) ? .acksMissing : nil
    }

    /// Group commands of the last minute without an ack.
    func missingAcks(at now: UInt64) -> Int { Self.isNews(missingAcks, at: now) ? missingAcks?.count ?? 0 : 0 }

    func addOpening(_ kind: ChannelVerdict.Kind, at now: UInt64, to sentence: inout Sentence) {
        switch kind {
        case .noNodes:
            sentence.add(
                "no nodes: only this relay is subscribed to the hub; does its application run, and are the hub's type and the channel prefix right? "
            )
        case .notWatched:
            guard let leftAt else { return }
            sentence.add(
                "not watched since {}: the hub had no nodes; the relay watches it again when a node comes", leftAt)
        case .protocolMissing:
            guard let (name, news) = worstLack(at: now) else { return }
            sentence.add(
                "protocol missing: \(Words.envelopes(news.count)) without \(name) since {}, which other envelopes of the hub have; nodes disconnect clients that need it; ",
                news.firstAt)
        case .undecodable:
            guard let undecodable else { return }
            sentence.add(
                "undecodable: \(Words.payloads(undecodable.count)) since {} that no node of ASP.NET Core sends; what else publishes there? ",
                undecodable.firstAt)
        case .acksMissing:
            guard let missingAcks else { return }
            sentence.add(
                "acks missing: \(Words.commands(missingAcks.count)) since {} without an ack within 30 s; does each node receive from the backplane? ",
                missingAcks.firstAt)
        default: break
        }
    }

    private func worstLack(at now: UInt64) -> (name: String, news: News)? {
        lacking.filter { Self.isNews($0.value, at: now) }
            .max { ($0.value.count, $1.key) < ($1.value.count, $0.key) }
            .map { ($0.key, $0.value) }
    }

    private static func isNews(_ news: News?, at now: UInt64) -> Bool {
        news.map { $0.lastAt + ChannelState.newsSpan > now } ?? false
    }
}
