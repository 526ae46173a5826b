import Backplane
import Prometheus

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
