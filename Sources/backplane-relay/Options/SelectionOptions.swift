import ArgumentParser
import Backplane
import Capture
import Time

/// Selects envelopes of a capture: those that match all given options, and at least one value of each.
struct SelectionOptions: ParsableArguments {
    /// How event keys that the captures do not contain are treated.
    enum UnknownChannels {
        case reported
        case refused
    }

    // Values may begin with a minus.
    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            """
            Only what was received at this time or later: RFC 3339; '2026-11-29 07:00' or 2026-11-29 (midnight) in local \
            time (TZ); 07:00, the last such local time before the capture's last envelope (before now while it is \
            recorded); -15m, before that end; +30s, after the capture's first envelope.
            """, valueName: "time"),
        transform: SelectionValue.time)
    var from: TimePoint?

    @Option(
        parsing: .unconditional,
        help: ArgumentHelp(
            "Only what was received before this time, in the same forms; 07:00 is the first one after --from, if given.",
            valueName: "time"),
        transform: SelectionValue.time)
    var until: TimePoint?

    @Option(
        help: ArgumentHelp(
            "Only this event key, or this hub of ASP.NET Core with its channel prefix. Repeat it for more.",
            valueName: "key"),
        transform: SelectionValue.text)
    var channel: [String] = []

    @OptionGroup var envelopes: EnvelopeOptions

    /// The selection for a capture, with times relative to its start or end resolved.
    ///
    /// - Parameters:
    ///   - others: captures that the selection also applies to.
    ///   - now: nanoseconds since 1970.
    /// - Throws: `CaptureError` if an end of the capture cannot be read; `ValidationError` if the time range is empty, or a
    ///   channel is refused.
    func selection(
        of capture: CaptureReader, others: [CaptureReader] = [], unknownChannels: UnknownChannels = .reported,
        now: UInt64 = Moment.now().realtime
    ) throws -> CaptureSelection {
        try checkChannels(of: [capture] + others, unknownChannels)
        try checkIDs(of: [capture] + others)
        var selection = envelopes.selection
        var ends = CaptureEnds(of: capture, now: now)
        selection.from = try from.map { try ends.resolve($0) }
        if case .clock(let clock) = until, let from = selection.from {
            selection.until = LocalTime.first(clock: clock, after: from)
        } else {
            selection.until = try until.map { try ends.resolve($0) }
        }
        selection.channels = Set(channel.map { OrdinalName($0) })
        if let from = selection.from, let until = selection.until, from >= until {
            throw ValidationError(
                "--until: \(UTCTime.rfc3339(until)) is not after --from, \(UTCTime.rfc3339(from)), so nothing is selected"
            )
        }
        return selection
    }

    /// Envelopes of ASP.NET Core have no ids to select by.
    private func checkIDs(of captures: [CaptureReader]) throws {
        guard envelopes.fromID != nil || envelopes.untilID != nil else { return }
        let names = Set(channel.map { OrdinalName($0) })
        let selected = captures.reduce(into: Set<BackplaneChannel>()) { $0.formUnion($1.backplanes()) }
            .filter { names.isEmpty || names.contains(OrdinalName($0.name)) }
        guard !selected.isEmpty, selected.allSatisfy({ $0.dialect == .core }) else { return }
        let option = envelopes.fromID != nil ? "--from-id" : "--until-id"
        throw ValidationError(
            "\(option): everything selected is from ASP.NET Core SignalR, whose envelopes have no ids; select by --from and --until"
        )
    }

    private func checkChannels(of captures: [CaptureReader], _ unknownChannels: UnknownChannels) throws {
        guard !channel.isEmpty else { return }
        let available = captures.reduce(into: Set<OrdinalName>()) { $0.formUnion($1.channels()) }
        let unknown = channel.filter { !available.contains(OrdinalName($0)) }
        guard !unknown.isEmpty, !available.isEmpty else { return }
        let text = NamesText.missing(
            "channel", unknown, available: available.sorted().map(\.text), place: "the capture")
        guard unknownChannels == .reported else { throw SelectionError(description: text) }
        StandardError.print("warning: \(text)")
    }
}

/// A filter names something that does not exist.
private struct SelectionError: Error, CustomStringConvertible {
    let description: String
}

/// Parses the values of the options that select envelopes. Errors name the remedy.
enum SelectionValue {
    /// `2026-11-22T21:58:00Z`, `2026-11-22 21:58` and `2026-11-22` (in local time), `21:58` (by the clock here), `-15m`
    /// (before the end), `+30s` (after the start).
    static func time(_ text: String) throws -> TimePoint {
        if let sign = text.first, sign == "-" || sign == "+", let span = TimeSpan(argument: String(text.dropFirst())) {
            return sign == "-" ? .beforeEnd(span.nanoseconds) : .afterStart(span.nanoseconds)
        }
        if let time = UTCTime.parse(text) ?? LocalTime.parse(text) { return .at(time) }
        guard let clock = LocalTime.clock(text) else {
            throw ValidationError(
                "'\(text)' is not a time; write 2026-11-22T21:58:00Z, or '2026-11-22 21:58', 2026-11-22 or 21:58 (in local "
                    + "time), or -15m (before the end), or +30s (after the start)")
        }
        return .clock(clock)
    }

    /// `10%`, `0.5`: percent.
    static func percent(_ text: String) throws -> Double {
        let number = text.hasSuffix("%") ? String(text.dropLast()) : text
        guard let percent = Double(number), percent > 0, percent <= 100 else {
            throw ValidationError("'\(text)' is not a share; write a percentage above 0 and up to 100, such as 10%")
        }
        return percent
    }

    static func kind(_ text: String) throws -> EnvelopeKind {
        guard let kind = EnvelopeKind.allCases.first(where: { $0.label == text.lowercased() }) else {
            let labels = EnvelopeKind.allCases.map(\.label).joined(separator: ", ")
            throw ValidationError("'\(text)' is not a kind of message; use one of \(labels)")
        }
        return kind
    }

    static func id(_ text: String) throws -> UInt64 {
        guard let id = UInt64(text) else {
            throw ValidationError(
                "'\(text)' is not an id; write the number in front of the envelope, as 'cat' shows it")
        }
        return id
    }

    /// A text of at least one character: an empty one would select nothing, or all.
    static func text(_ text: String) throws -> String {
        guard !text.isEmpty else { throw ValidationError("an empty text selects nothing; leave the option out") }
        return text
    }
}

/// Selects envelopes by their own content, in captures and live traffic.
struct EnvelopeOptions: ParsableArguments {
    @Option(help: ArgumentHelp("Only this id and higher ones.", valueName: "id"), transform: SelectionValue.id)
    var fromID: UInt64?

    @Option(help: ArgumentHelp("Only this id and lower ones.", valueName: "id"), transform: SelectionValue.id)
    var untilID: UInt64?

    @Option(
        help: ArgumentHelp(
            """
            Only messages for clients of this hub; for ASP.NET Core its full type name or its class name. Ignores case. \
            Repeat it for more.
            """, valueName: "name"),
        transform: SelectionValue.text)
    var hub: [String] = []

    @Option(
        help: ArgumentHelp("Only calls of this client method. Ignores case. Repeat it for more.", valueName: "name"),
        transform: SelectionValue.text)
    var method: [String] = []

    @Option(
        help: ArgumentHelp(
            """
            Only this signal, such as 'hg-chatHub.*', or this Redis channel of ASP.NET Core, such as \
            '*ChatHub:group:*': * is any text, ? one character. Repeat it for more.
            """, valueName: "pattern"),
        transform: SelectionValue.text)
    var signal: [String] = []

    @Option(
        help: ArgumentHelp(
            """
            Only messages of this kind: hub, client, group, user, connection, persistent_connection, \
            persistent_connection_group, command, ack, other; for ASP.NET Core all, group, user, connection, \
            group_command, ack, result. Repeat it for more.
            """, valueName: "kind"),
        transform: SelectionValue.kind)
    var kind: [EnvelopeKind] = []

    @Option(
        help: ArgumentHelp("Only messages sent by this connection id. Repeat it for more.", valueName: "id"),
        transform: SelectionValue.text)
    var source: [String] = []

    @Option(
        help: ArgumentHelp(
            "Only messages for this group, or group commands about it. Repeat it for more.", valueName: "name"),
        transform: SelectionValue.text)
    var group: [String] = []

    @Option(
        help: ArgumentHelp("Only messages for this user. Repeat it for more.", valueName: "name"),
        transform: SelectionValue.text)
    var user: [String] = []

    @Option(
        help: ArgumentHelp(
            "Only messages for this connection id, or group commands about it. Repeat it for more.", valueName: "id"),
        transform: SelectionValue.text)
    var connection: [String] = []

    @Option(
        help: ArgumentHelp(
            "Only messages with this text in the value. Case matters. Repeat it for more.", valueName: "text"),
        transform: SelectionValue.text)
    var grep: [String] = []

    @Option(
        help: ArgumentHelp(
            """
            Only this share of all signals or Redis channels, such as 10%: always the same ones, so that a group stays \
            whole.
            """, valueName: "share"),
        transform: SelectionValue.percent)
    var sample: Double?

    func validate() throws {
        if let fromID, let untilID, fromID > untilID {
            throw ValidationError("--until-id: \(untilID) is below --from-id \(fromID), so no id is selected")
        }
    }

    /// Without times and channels.
    var selection: CaptureSelection {
        CaptureSelection(
            fromID: fromID, untilID: untilID, hubs: hub, methods: method, signals: signal, kinds: Set(kind),
            sources: source, texts: grep, groups: group, users: user, connections: connection,
            samplePercent: sample)
    }
}
