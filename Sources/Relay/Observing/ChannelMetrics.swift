package import Backplane
package import Prometheus

/// What is seen of the backplane, and the subscription to it.
package struct ObservingMetrics: Sendable {
    let reconnects: Counter
    /// By channel index.
    package let channels: [ChannelMetrics]

    package init(_ registry: Registry, channels: [BackplaneChannel]) {
        let families = ChannelMetrics.Families(registry)
        self.channels = channels.map { ChannelMetrics(families, channel: $0.name) }
        reconnects = registry.counter(
            "backplane_relay_reconnects_total",
            help: "Resubscriptions after a lost connection; envelopes published in between were missed.")
    }
}

/// The metrics of one Redis channel.
package struct ChannelMetrics: Sendable {
    package let channel: String
    let up: Gauge
    package let envelopes: Counter
    package let envelopeBytes: Counter
    /// By raw value of the kind.
    package let messages: [Counter]
    let envelopeSize: Histogram
    package let deliveryLatency: Histogram
    let clockSkew: Counter
    let gaps: Counter
    package let missingIDs: Counter
    let duplicateIDs: Counter
    let counterResets: Counter
    let idsInDoubt: Counter
    package let lastID: Gauge
    package let lastEnvelopeTimestamp: Gauge
    package let interleavedIDs: Counter
    /// By raw value of the type.
    let commands: [Counter]
    let groupAckDuration: Histogram
    let groupAcksMissing: Counter
    /// With the labels channel, hub and method; limited.
    let hubInvocations: Family<Counter>
    let activeSignals: Gauge
    private let latencyFloor: Family<Gauge>
    private let largestEnvelope: Family<Gauge>
    /// By raw value of the reason.
    package let undecodable: [Counter]
    /// In the order of `EnvelopeOddities.allCases`.
    let odd: [Counter]

    struct Families {
        let up, lastID, lastEnvelopeTimestamp, activeSignals, latencyFloor, largestEnvelope: Family<Gauge>
        let envelopes, envelopeBytes, messages, clockSkew, gaps, missingIDs, duplicateIDs, counterResets,
            idsInDoubt, interleavedIDs, commands, groupAcksMissing, hubInvocations, undecodable, odd: Family<Counter>
        let envelopeSize, deliveryLatency, groupAckDuration: Family<Histogram>

        init(_ registry: Registry) {
            let prefix = "signalr_backplane_"
            let channel = ["channel"]
            up = registry.gaugeFamily(
                prefix + "up",
                help:
                    "1 while the relay is subscribed to the channel, else 0: nothing is seen or recorded; the log says why.",
                labels: channel)
            envelopes = registry.counterFamily(
                prefix + "envelopes_total",
                help: "Envelopes received. Each goes to every node, so their rate is what limits the backplane.",
                labels: channel)
            envelopeBytes = registry.counterFamily(
                prefix + "envelope_bytes_total",
                help: "Payload bytes received. Let clients fetch large data instead of pushing it to many.",
                labels: channel)
            messages = registry.counterFamily(
                prefix + "messages_total", help: "SignalR messages inside the envelopes, by kind.",
                labels: ["channel", "kind"])
            envelopeSize = registry.histogramFamily(
                prefix + "envelope_size_bytes",
                help: "Size of payloads. Large ones cost every node and fill Redis' output buffers.", labels: channel,
                buckets: [128, 256, 512, 1_024, 2_048, 4_096, 16_384, 65_536, 262_144, 1_048_576, 16_777_216])
            deliveryLatency = registry.histogramFamily(
                prefix + "delivery_latency_seconds",
                help:
                    "Time from the publisher's clock to receipt here, including the clock difference; compare with the floor.",
                labels: channel,
                buckets: [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10])
            clockSkew = registry.counterFamily(
                prefix + "clock_skew_total",
                help: "Envelopes that seem to arrive before they were created: check the clocks of nodes and relay.",
                labels: channel)
            gaps = registry.counterFamily(
                prefix + "gaps_total", help: "Times ids were skipped: envelopes this subscriber never received.",
                labels: channel)
            missingIDs = registry.counterFamily(
                prefix + "missing_ids_total", help: "Ids skipped, summed over all gaps.", labels: channel)
            duplicateIDs = registry.counterFamily(
                prefix + "duplicate_ids_total",
                help: "Ids seen twice in a row; real nodes then deliver some messages endlessly.", labels: channel)
            counterResets = registry.counterFamily(
                prefix + "id_resets_total",
                help:
                    "Times ids went back (Redis restart, failover, flush); clients may miss messages until ids catch up.",
                labels: channel)
            idsInDoubt = registry.counterFamily(
                prefix + "ids_in_doubt_total",
                help:
                    "Times it was impossible to tell whether ids are missing, because the counter could not be read: see the log.",
                labels: channel)
            lastID = registry.gaugeFamily(prefix + "last_id", help: "Id of the last envelope.", labels: channel)
            lastEnvelopeTimestamp = registry.gaugeFamily(
                prefix + "last_envelope_timestamp_seconds", help: "Time of the last envelope, Unix time.",
                labels: channel)
            largestEnvelope = registry.gaugeFamily(
                "signalr_backplane_largest_envelope_bytes",
                help:
                    "Largest envelope of the last 15 minutes. If one exceeds its output buffer limit, Redis disconnects all subscribers and none receives it.",
                labels: ["channel"])
            latencyFloor = registry.gaugeFamily(
                prefix + "delivery_latency_floor_seconds",
                help:
                    "Lowest latency of the last 5 minutes: what clocks and network add to every latency. Below 0 the publisher's clock is ahead.",
                labels: channel)
            interleavedIDs = registry.counterFamily(
                prefix + "interleaved_ids_total",
                help:
                    "Times ids jumped back to another counter: two applications share the event key; give each its own.",
                labels: channel)
            commands = registry.counterFamily(
                prefix + "commands_total",
                help:
                    "Commands between nodes. initializing: a client connects; a flood of these means that clients cannot stay connected.",
                labels: ["channel", "command"])
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
                labels: ["channel", "hub", "method"],
                limit: ChildLimit(maximumChildren: CallCounts.maximumCalls, per: channel))
            activeSignals = registry.gaugeFamily(
                prefix + "active_signals",
                help:
                    "Distinct signals (hubs, groups, users, connections) addressed in the last 100 s, within about 3 %; each costs memory on every node.",
                labels: channel)
            undecodable = registry.counterFamily(
                prefix + "undecodable_total",
                help: "Payloads that are not SignalR 2 envelopes; they are recorded anyway. Is the event key shared?",
                labels: ["channel", "reason"])
            odd = registry.counterFamily(
                prefix + "odd_envelopes_total",
                help:
                    "Envelopes that nodes can decode but would not write, by anomaly. What else publishes on the event key?",
                labels: ["channel", "reason"])
        }
    }

    init(_ families: Families, channel: String) {
        self.channel = channel
        up = families.up.with(channel)
        envelopes = families.envelopes.with(channel)
        envelopeBytes = families.envelopeBytes.with(channel)
        messages = MessageKind.allCases.map { families.messages.with(channel, $0.label) }
        envelopeSize = families.envelopeSize.with(channel)
        deliveryLatency = families.deliveryLatency.with(channel)
        clockSkew = families.clockSkew.with(channel)
        gaps = families.gaps.with(channel)
        missingIDs = families.missingIDs.with(channel)
        duplicateIDs = families.duplicateIDs.with(channel)
        counterResets = families.counterResets.with(channel)
        idsInDoubt = families.idsInDoubt.with(channel)
        lastID = families.lastID.with(channel)
        lastEnvelopeTimestamp = families.lastEnvelopeTimestamp.with(channel)
        interleavedIDs = families.interleavedIDs.with(channel)
        commands = CommandType.allCases.map { families.commands.with(channel, $0.label) }
        groupAckDuration = families.groupAckDuration.with(channel)
        groupAcksMissing = families.groupAcksMissing.with(channel)
        hubInvocations = families.hubInvocations
        activeSignals = families.activeSignals.with(channel)
        latencyFloor = families.latencyFloor
        largestEnvelope = families.largestEnvelope
        undecodable = EnvelopeError.Reason.allCases.map { families.undecodable.with(channel, $0.label) }
        odd = EnvelopeOddities.allCases.map { families.odd.with(channel, $0.label) }
    }

    /// - Parameter bytes: nil, and there is no series, without an envelope in that time.
    func setLargestEnvelope(_ bytes: Int?) {
        if let bytes { largestEnvelope.with(channel).set(Double(bytes)) } else { largestEnvelope.remove(channel) }
    }

    /// - Parameter seconds: nil, and there is no series, as long as no envelope of the last minutes tells its time.
    func setLatencyFloor(_ seconds: Double?) {
        if let seconds { latencyFloor.with(channel).set(seconds) } else { latencyFloor.remove(channel) }
    }
}
