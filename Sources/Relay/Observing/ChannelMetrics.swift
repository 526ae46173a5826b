package import Backplane
package import Prometheus

/// The metrics of one event key of SignalR 2, or of one hub of ASP.NET Core.
///
/// What a wire does not have has no series: either ``signalR2`` or ``core`` is set.
package struct ChannelMetrics: Sendable {
    package let source: BackplaneChannel
    /// The event key, or prefix and type of the hub: label `channel`.
    package let channel: String
    let up: Gauge
    package let envelopes: Counter
    package let envelopeBytes: Counter
    /// By raw value of the kind: ``MessageKind``, or ``CoreKind``.
    let messages: [Counter]
    let envelopeSize: Histogram
    package let lastEnvelopeTimestamp: Gauge
    /// By raw value of SignalR 2's type, or in the order of ASP.NET Core's actions.
    let commands: [Counter]
    let groupAckDuration: Histogram
    let groupAcksMissing: Counter
    /// With the labels channel, backplane, hub and method; limited.
    let hubInvocations: Family<Counter>
    let activeSignals: Gauge
    private let largestEnvelope: Family<Gauge>
    /// By raw value of the reason.
    package let undecodable: [Counter]
    /// In the order of `EnvelopeOddities.allCases`, or by bit of ``CoreOddities``.
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
        undecodable = Self.reasonLabels(source.dialect).map { families.undecodable.with(channel, backplane, $0) }
        odd = Self.oddityLabels(source.dialect).map { families.odd.with(channel, backplane, $0) }
        switch source.dialect {
        case .signalR2: (signalR2, core) = (SignalR2Metrics(families.signalR2, channel: channel), nil)
        case .core: (signalR2, core) = (nil, CoreMetrics(families.core, channel: channel))
        }
    }

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
        case .signalR2: EnvelopeOddities.allCases.map(\.label)
        // By bit.
        case .core: CoreOddities(rawValue: .max).labels
        }
    }
}
