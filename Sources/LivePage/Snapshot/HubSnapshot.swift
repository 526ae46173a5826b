import Backplane
import Prometheus
import Relay

/// What the live page knows of a hub of ASP.NET Core alone, from counters that are read once a second.
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

    /// - Returns: group commands whose ack did not come in time, and how long the others took, since the last call.
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

    /// Of this run, by name, those that came.
    var protocols: [ChannelMetrics.ProtocolFigures] { metrics.protocols.filter { $0.envelopes > 0 || $0.lacking > 0 } }

    /// Of this run: commands by what they do, and what became of them.
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
