import Backplane
package import Prometheus

/// Figures that only hubs of ASP.NET Core have. All since the start.
extension ChannelMetrics {
    /// How many envelopes have one hub protocol.
    package struct ProtocolFigures: Sendable, Equatable {
        /// `json`, `messagepack`, or `other`.
        package let name: String
        /// Envelopes with a frame of the protocol.
        package let envelopes: Int
        /// Envelopes without one, while others of the hub have it.
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

    /// Group commands by action; empty for SignalR 2, which has other commands too.
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

/// Metrics specific to the wire of ASP.NET Core: hub protocols of envelopes, and calls that wait for a client's result.
struct CoreMetrics: Sendable {
    private let channel: String
    /// By index of ``ProtocolMix/labels``.
    let protocolEnvelopes: [Counter]
    let protocolMissing: [Counter]
    private let resultsMissing: Family<Counter>

    struct Families {
        let protocolEnvelopes, protocolMissing, resultsMissing: Family<Counter>

        init(_ registry: Registry) {
            let prefix = "signalr_backplane_"
            protocolEnvelopes = registry.counterFamily(
                prefix + "protocol_envelopes_total",
                help:
                    "Envelopes with a frame of the hub protocol: json, messagepack, or other for protocols of an application or Blazor.",
                labels: ChannelMetrics.labels + ["protocol"])
            protocolMissing = registry.counterFamily(
                prefix + "protocol_missing_total",
                help:
                    "Envelopes without the hub protocol, although others of the hub had it within the last 5 to 10 minutes: nodes disconnect recipients that use that protocol.",
                labels: ChannelMetrics.labels + ["protocol"])
            resultsMissing = registry.counterFamily(
                prefix + "results_missing_total",
                help:
                    "Calls for a client's result without an answer within 30 s. There is no series before the first such call; they are visible only where single connections are watched.",
                labels: ChannelMetrics.labels)
        }
    }

    init(_ families: Families, channel: String) {
        self.channel = channel
        let backplane = Dialect.core.label
        protocolEnvelopes = ProtocolMix.labels.map { families.protocolEnvelopes.with(channel, backplane, $0) }
        protocolMissing = ProtocolMix.labels.map { families.protocolMissing.with(channel, backplane, $0) }
        resultsMissing = families.resultsMissing
    }

    /// Calls for a result without an answer. The series is created by the first call to this: before such a call is
    /// seen, nothing is known.
    func missingResults() -> Counter { resultsMissing.with(channel, Dialect.core.label) }
}
