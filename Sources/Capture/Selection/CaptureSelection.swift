package import Backplane

/// Selects envelopes of a capture or of live traffic.
///
/// An envelope must match every property that is set, and one of the values of a property with several. The properties
/// of messages (``hubs`` and below) must match on the same message of the envelope. Without such a property, envelopes
/// that do not decode are selected too. ``EnvelopeMatcher`` decides.
package struct CaptureSelection: Sendable, Equatable {
    /// Selects everything.
    package static let all = CaptureSelection()

    /// Earliest time of receipt, nanoseconds since 1970.
    package var from: UInt64?
    /// Time of receipt before which envelopes are wanted.
    package var until: UInt64?
    /// First wanted id; nil for no limit. With a limit, envelopes without an id are not wanted.
    package var fromID: UInt64?
    /// Last wanted id; nil for no limit.
    package var untilID: UInt64?
    /// Event keys and hubs (prefix and type), by their bytes; empty for all.
    package var channels: Set<OrdinalName>

    /// Hub names: of the signal, or of the call if the signal names none; for ASP.NET Core the full type name or the
    /// name of the class. Case does not matter, as on nodes.
    package var hubs: [String]
    /// Names of client methods. Case does not matter.
    package var methods: [String]
    /// Signals, or Redis channels of ASP.NET Core. `*` stands for any text and `?` for one character. Case does not
    /// matter, as on nodes.
    package var signals: [String]
    /// Empty for all.
    package var kinds: Set<EnvelopeKind>
    /// Senders: connection ids, or for a group command of ASP.NET Core the server name of the node.
    package var sources: [String]
    /// Groups that the message is for, or that a group command is about. For SignalR 2 case does not matter, as on
    /// nodes.
    package var groups: [String]
    /// User ids, as ``groups``.
    package var users: [String]
    /// Connection ids, as ``groups``.
    package var connections: [String]
    /// Texts in values, plain or as escaped in JSON.
    package var texts: [String]
    /// Percent of all signals or Redis channels. The same ones are selected in every capture, so that a group is either
    /// complete or absent.
    package var samplePercent: Double?

    /// The defaults select everything.
    package init(
        from: UInt64? = nil, until: UInt64? = nil, fromID: UInt64? = nil, untilID: UInt64? = nil,
        channels: Set<OrdinalName> = [], hubs: [String] = [], methods: [String] = [], signals: [String] = [],
        kinds: Set<EnvelopeKind> = [], sources: [String] = [], texts: [String] = [], groups: [String] = [],
        users: [String] = [], connections: [String] = [], samplePercent: Double? = nil
    ) {
        self.from = from
        self.until = until
        self.fromID = fromID
        self.untilID = untilID
        self.channels = channels
        self.hubs = hubs
        self.methods = methods
        self.signals = signals
        self.kinds = kinds
        self.sources = sources
        self.texts = texts
        self.groups = groups
        self.users = users
        self.connections = connections
        self.samplePercent = samplePercent
    }

    /// True if a summary can tell that chunks need not be read.
    var canSkipChunks: Bool { from != nil || until != nil || !channels.isEmpty }
}

/// Decides whether a ``CaptureSelection`` contains an envelope. The cheapest conditions come first and nothing is
/// allocated per envelope. Payloads are decoded only for conditions on messages.
package struct EnvelopeMatcher: Sendable {
    private let selection: CaptureSelection
    private let asksForID: Bool
    /// nil without conditions on messages.
    private let messages: MessageMatcher?

    /// Prepares the conditions: create it once, not per envelope.
    package init(_ selection: CaptureSelection) {
        self.selection = selection
        asksForID = selection.fromID != nil || selection.untilID != nil
        messages = MessageMatcher(selection)
    }

    /// - Parameters:
    ///   - channel: the event key, or prefix and type of the hub.
    ///   - receivedAt: nanoseconds since 1970.
    package func selects(
        channel: String, receivedAt: UInt64, payload: UnsafeRawBufferPointer, _ form: EnvelopeForm = .signalR2
    ) -> Bool {
        selects(receivedAt: receivedAt) && selects(channel: channel) && selects(payload: payload, form)
    }

    @inline(__always)
    func selects(receivedAt time: UInt64) -> Bool {
        if let from = selection.from, time < from { return false }
        if let until = selection.until, time >= until { return false }
        return true
    }

    func selects(channel: String) -> Bool {
        selection.channels.isEmpty || selection.channels.contains(OrdinalName(channel))
    }

    /// The conditions on id and messages, without time and channel.
    package func selects(payload: UnsafeRawBufferPointer, _ form: EnvelopeForm = .signalR2) -> Bool {
        if asksForID {
            guard form == .signalR2, let id = try? EnvelopeID.parse(payload).id else { return false }
            if let from = selection.fromID, id < from { return false }
            if let until = selection.untilID, id > until { return false }
        }
        return messages?.fitsOne(of: payload, form) ?? true
    }
}

/// An error text for names that were not found.
package enum NamesText {
    private static let listed = 10

    /// - Parameters:
    ///   - what: `channel` or `hub`.
    ///   - names: at least one.
    ///   - place: where they were searched, such as `the capture`.
    package static func missing(_ what: String, _ names: [String], available: [String], place: String) -> String {
        let has =
            available.isEmpty
            ? "it has none"
            : "it has \(quoted(available))\(available.count > listed ? " and \(available.count - listed) more" : "")"
        return "no \(what) \(quoted(names)) in \(place); \(has)"
    }

    private static func quoted(_ names: [String]) -> String {
        names.prefix(listed).map { name in
            // Names come from others: remove anything that could control a terminal.
            let plain = name.unicodeScalars.map { $0.properties.generalCategory == .control ? "\u{FFFD}" : String($0) }
            return "'\(plain.joined())'"
        }.joined(separator: ", ")
    }
}
