package import Backplane
package import Prometheus

/// The metrics of one event key of SignalR 2, or of one hub of ASP.NET Core.
///
/// What a wire does not have has no series: either ``signalR2`` or ``core`` is set.
package struct ChannelMetrics: Sendable {
    /// The event key or hub that it is about.
    package let source: BackplaneChannel
    /// The event key, or prefix and type of the hub: label `channel`.
    package let channel: String
    let up: Gauge
    /// Received since the start, whether they decode or not.
    package let envelopes: Counter
    /// Payload bytes received since the start.
    package let envelopeBytes: Counter
    /// By raw value of the kind: ``MessageKind``, or ``CoreKind``.
    let messages: [Counter]
    let envelopeSize: Histogram
    /// Time of the last receipt, in seconds since 1970; 0 before the first.
    package let lastEnvelopeTimestamp: Gauge
    /// By raw value of SignalR 2's type, or in the order of ASP.NET Core's actions.
    let commands: [Counter]
    let groupAckDuration: Histogram
    let groupAcksMissing: Counter
    /// With the labels channel, backplane, hub and method; limited.
    let hubInvocations: Family<Counter>
    let activeSignals: Gauge
    private let largestEnvelope: Family<Gauge>
    /// The gauges above, with their families: see ``hide()``.
    private let gauges: [(family: Family<Gauge>, gauge: Gauge)]
    /// By raw value of the reason.
    package let undecodable: [Counter]
    /// By bit of ``EnvelopeOddities``, or of ``CoreOddities``.
    let odd: [Counter]
    /// nil for a hub of ASP.NET Core, whose wire has no ids and no times.
    package let signalR2: SignalR2Metrics?
    /// nil for an event key of SignalR 2.
    let core: CoreMetrics?

    init(_ families: Families, _ source: BackplaneChannel) {
        self.source = source
        let (channel, backplane) = (source.name, source.dialect.label)
        self.channel = channel
        up = families.up.with(channel, backplane)
        envelopes = families.envelopes.with(channel, backplane)
        envelopeBytes = families.envelopeBytes.with(channel, backplane)
        messages = Self.kindLabels(source.dialect).map { families.messages.with(channel, backplane, $0) }
        envelopeSize = families.envelopeSize.with(channel, backplane)
        lastEnvelopeTimestamp = families.lastEnvelopeTimestamp.with(channel, backplane)
        commands = Self.commandLabels(source.dialect).map { families.commands.with(channel, backplane, $0) }
        groupAckDuration = families.groupAckDuration.with(channel, backplane)
        groupAcksMissing = families.groupAcksMissing.with(channel, backplane)
        hubInvocations = families.hubInvocations
        activeSignals = families.activeSignals.with(channel, backplane)
        largestEnvelope = families.largestEnvelope
        gauges = [
            (families.up, up), (families.lastEnvelopeTimestamp, lastEnvelopeTimestamp),
            (families.activeSignals, activeSignals),
        ]
        undecodable = Self.reasonLabels(source.dialect).map { families.undecodable.with(channel, backplane, $0) }
        odd = Self.oddityLabels(source.dialect).map { families.odd.with(channel, backplane, $0) }
        switch source.dialect {
        case .signalR2: (signalR2, core) = (SignalR2Metrics(families.signalR2, channel: channel), nil)
        case .core: (signalR2, core) = (nil, CoreMetrics(families.core, channel: channel))
        }
    }

    /// Which SignalR it is of.
    package var dialect: Dialect { source.dialect }

    /// Messages of this run by kind, without zeros.
    package var messagesByKind: [(label: String, count: Int)] {
        zip(Self.kindLabels(dialect), messages).map { ($0, $1.value) }.filter { $0.1 > 0 }
    }

    /// - Parameter bytes: nil, for no series, without an envelope in that time.
    func setLargestEnvelope(_ bytes: Int?) {
        if let bytes {
            largestEnvelope.with(channel, dialect.label).set(Double(bytes))
        } else {
            largestEnvelope.remove(channel, dialect.label)
        }
    }

    // MARK: - A hub that is no longer watched

    /// Its gauges have no series, because nothing is known about the present. Its counters stay: if they came back at
    /// 0, Prometheus would count everything again.
    func hide() {
        for (family, _) in gauges { family.remove(channel, dialect.label) }
        setLargestEnvelope(nil)
    }

    /// The hub is watched again, and not subscribed to yet.
    func show() {
        up.set(0)
        for (family, gauge) in gauges { family.restore(gauge, channel, dialect.label) }
    }

    // MARK: - Labels of each wire

    private static func kindLabels(_ dialect: Dialect) -> [String] {
        switch dialect {
        case .signalR2: MessageKind.allCases.map(\.label)
        case .core: CoreKind.allCases.map(\.label)
        }
    }

    /// For SignalR 2 by raw value. For ASP.NET Core in the order of its actions, named like the equivalent commands of
    /// SignalR 2.
    private static func commandLabels(_ dialect: Dialect) -> [String] {
        switch dialect {
        case .signalR2: CommandType.allCases.map(\.label)
        case .core:
            CoreGroupCommandView.Action.allCases.map { action in
                switch action {
                case .add: CommandType.addToGroup.label
                case .remove: CommandType.removeFromGroup.label
                }
            }
        }
    }

    private static func reasonLabels(_ dialect: Dialect) -> [String] {
        switch dialect {
        case .signalR2: EnvelopeError.Reason.allCases.map(\.label)
        case .core: CoreError.Reason.allCases.map(\.label)
        }
    }

    private static func oddityLabels(_ dialect: Dialect) -> [String] {
        switch dialect {
        case .signalR2: EnvelopeOddities.names
        case .core: CoreOddities.names
        }
    }
}

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
