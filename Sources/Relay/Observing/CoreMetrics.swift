import Backplane
import Prometheus

/// What only the wire of ASP.NET Core tells of a hub: which hub protocols its envelopes carry, and calls that wait for a
/// client's result.
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
                    "Envelopes that carry a frame of the hub protocol: json, messagepack, or other for those of an application and Blazor.",
                labels: ChannelMetrics.labels + ["protocol"])
            protocolMissing = registry.counterFamily(
                prefix + "protocol_missing_total",
                help:
                    "Envelopes without the hub protocol, though others of the hub carried it within the last 5 to 10 minutes: each node disconnects the clients with that protocol that such an envelope is for.",
                labels: ChannelMetrics.labels + ["protocol"])
            resultsMissing = registry.counterFamily(
                prefix + "results_missing_total",
                help:
                    "Calls for a client's result without an answer within 30 s. No series before the first such call is seen, and only connection channels show them: --core-connections.",
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

    /// Calls for a result without an answer. There is a series once this is asked for: as long as no such call is seen,
    /// nothing is known of them.
    func missingResults() -> Counter { resultsMissing.with(channel, Dialect.core.label) }
}
