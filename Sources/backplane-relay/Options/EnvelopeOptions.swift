import ArgumentParser
import Backplane
import Capture

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
