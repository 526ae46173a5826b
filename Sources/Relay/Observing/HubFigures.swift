import Backplane
package import Prometheus

/// What only a hub of ASP.NET Core has, for whoever shows it. All since the start.
extension ChannelMetrics {
    /// Envelopes of one hub protocol.
    package struct ProtocolFigures: Sendable, Equatable {
        /// `json`, `messagepack`, or `other`.
        package let name: String
        /// Those that carry it.
        package let envelopes: Int
        /// Those that lack it though others of the hub carry it.
        package let lacking: Int
    }

    /// By protocol, in a fixed order; empty for SignalR 2.
    package var protocols: [ProtocolFigures] {
        guard let core else { return [] }
        return ProtocolMix.labels.indices.map { index in
            ProtocolFigures(
                name: ProtocolMix.labels[index], envelopes: core.protocolEnvelopes[index].value,
                lacking: core.protocolMissing[index].value)
        }
    }

    /// Group commands by what they do; empty for SignalR 2, whose commands are of more kinds.
    package var groupCommands: [(label: String, count: Int)] {
        guard core != nil else { return [] }
        return zip(CoreGroupCommandView.Action.allCases, commands).map { action, counter in
            switch action {
            case .add: ("add to group", counter.value)
            case .remove: ("remove from group", counter.value)
            }
        }
    }

    /// From a group command to its ack, in seconds.
    package var ackDuration: Histogram { groupAckDuration }

    /// Group commands without an ack within 30 s.
    package var missingAcks: Int { groupAcksMissing.value }
}
