import Prometheus

extension ChannelMetrics {
    /// Of all that concerns one channel.
    static let labels = ["channel", "backplane"]

    /// What both backplanes have, under one name each.
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
                help: "Envelopes received; each one goes to every node, so this is what bounds the backplane.",
                labels: channel)
            envelopeBytes = registry.counterFamily(
                prefix + "envelope_bytes_total",
                help: "Payload bytes received; large messages to many are better fetched than pushed.",
                labels: channel)
            messages = registry.counterFamily(
                prefix + "messages_total", help: "SignalR messages inside the envelopes, by what they are for.",
                labels: channel + ["kind"])
            envelopeSize = registry.histogramFamily(
                prefix + "envelope_size_bytes",
                help: "Size of payloads; large ones cost every node and Redis' output buffers.", labels: channel,
                buckets: [128, 256, 512, 1_024, 2_048, 4_096, 16_384, 65_536, 262_144, 1_048_576, 16_777_216])
            lastEnvelopeTimestamp = registry.gaugeFamily(
                prefix + "last_envelope_timestamp_seconds", help: "When the last envelope came, Unix time.",
                labels: channel)
            largestEnvelope = registry.gaugeFamily(
                prefix + "largest_envelope_bytes",
                help:
                    "Largest envelope of the last 15 minutes. Redis disconnects every subscriber at one above its output buffer limit, and none gets it.",
                labels: channel)
            commands = registry.counterFamily(
                prefix + "commands_total",
                help:
                    "Commands among nodes. SignalR 2: initializing is a client that connects; floods of it are clients that cannot stay. ASP.NET Core: a connection of another node joins or leaves a group.",
                labels: channel + ["command"])
            groupAckDuration = registry.histogramFamily(
                prefix + "group_ack_duration_seconds",
                help:
                    "From a group command to its ack, as heard here; after 30 s the caller's task is cancelled. Look at slow nodes.",
                labels: channel, buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30])
            groupAcksMissing = registry.counterFamily(
                prefix + "group_acks_missing_total",
                help:
                    "Group commands without an ack within 30 s: the connection is gone, or its node does not hear the backplane.",
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
                    "Different signals (hubs, groups, users, connections) addressed in the last 100 s, to some 3 %; each costs memory on every node.",
                labels: channel)
            undecodable = registry.counterFamily(
                prefix + "undecodable_total",
                help:
                    "Payloads that are no envelope of the channel's SignalR; recorded all the same. Who else publishes there?",
                labels: channel + ["reason"])
            odd = registry.counterFamily(
                prefix + "odd_envelopes_total",
                help:
                    "Envelopes that nodes decode though no node writes them so, by what is odd. Who else publishes there?",
                labels: channel + ["reason"])
        }
    }
}
