import Prometheus

extension ChannelMetrics {
    /// The labels of all per-channel metrics.
    static let labels = ["channel", "backplane"]

    /// Metric families that both backplanes share.
    struct Families {
        let up, lastEnvelopeTimestamp, activeSignals, largestEnvelope: Family<Gauge>
        let envelopes, envelopeBytes, messages, commands, groupAcksMissing, hubInvocations, undecodable,
            odd: Family<Counter>
        let envelopeSize, groupAckDuration: Family<Histogram>
        let signalR2: SignalR2Metrics.Families
        let core: CoreMetrics.Families

        init(_ registry: Registry) {
            signalR2 = SignalR2Metrics.Families(registry)
            core = CoreMetrics.Families(registry)
            let prefix = "signalr_backplane_"
            let channel = ChannelMetrics.labels
            up = registry.gaugeFamily(
                prefix + "up",
                help:
                    "1 while the relay is subscribed to the channel, else 0: nothing is seen or recorded; the log says why.",
                labels: channel)
            envelopes = registry.counterFamily(
                prefix + "envelopes_total",
                help:
                    "Envelopes received. With SignalR 2 each goes to every node, so their rate is what limits the backplane.",
                labels: channel)
            envelopeBytes = registry.counterFamily(
                prefix + "envelope_bytes_total",
                help: "Payload bytes received. Let clients fetch large data instead of pushing it to many.",
                labels: channel)
            messages = registry.counterFamily(
                prefix + "messages_total", help: "SignalR messages inside the envelopes, by kind.",
                labels: channel + ["kind"])
            envelopeSize = registry.histogramFamily(
                prefix + "envelope_size_bytes",
                help: "Size of payloads. Large ones cost every node and fill Redis' output buffers.", labels: channel,
                buckets: [128, 256, 512, 1_024, 2_048, 4_096, 16_384, 65_536, 262_144, 1_048_576, 16_777_216])
            lastEnvelopeTimestamp = registry.gaugeFamily(
                prefix + "last_envelope_timestamp_seconds", help: "Time of the last envelope, Unix time.",
                labels: channel)
            largestEnvelope = registry.gaugeFamily(
                prefix + "largest_envelope_bytes",
                help:
                    "Largest envelope of the last 15 minutes. If one exceeds its output buffer limit, Redis disconnects all subscribers and none receives it.",
                labels: channel)
            commands = registry.counterFamily(
                prefix + "commands_total",
                help:
                    "Commands between nodes. SignalR 2: initializing means that a client connects; a flood of these means that clients cannot stay connected. ASP.NET Core: a connection of another node joins or leaves a group.",
                labels: channel + ["command"])
            groupAckDuration = registry.histogramFamily(
                prefix + "group_ack_duration_seconds",
                help:
                    "Time from a group command to its ack, as received here; after 30 s the caller's task is cancelled. Look for slow nodes.",
                labels: channel, buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30])
            groupAcksMissing = registry.counterFamily(
                prefix + "group_acks_missing_total",
                help:
                    "Group commands without an ack within 30 s: the connection is gone, or its node is cut off from the backplane.",
                labels: channel)
            hubInvocations = registry.counterFamily(
                prefix + "hub_invocations_total",
                help:
                    "Calls of client methods, by hub and method; the first 100 of a channel by name, the rest as other.",
                labels: channel + ["hub", "method"],
                limit: ChildLimit(maximumChildren: CallCounts.maximumCalls, per: channel))
            activeSignals = registry.gaugeFamily(
                prefix + "active_signals",
                help:
                    "Distinct hubs, groups, users and connections addressed in the last 100 s, within about 3 %; with SignalR 2 each costs memory on every node.",
                labels: channel)
            undecodable = registry.counterFamily(
                prefix + "undecodable_total",
                help:
                    "Payloads that are not envelopes of the channel's SignalR; they are recorded anyway. What else publishes there?",
                labels: channel + ["reason"])
            odd = registry.counterFamily(
                prefix + "odd_envelopes_total",
                help:
                    "Envelopes that nodes can decode but would not write, by anomaly. What else publishes there?",
                labels: channel + ["reason"])
        }
    }
}
