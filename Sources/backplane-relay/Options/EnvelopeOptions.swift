import ArgumentParser
import Capture
import Backplane

/// Which envelopes are wanted, as far as an envelope itself can tell: for captures and for live traffic.
struct EnvelopeOptions: ParsableArguments {
    @Option(help: "Only this id and higher ones.", transform: SelectionValue.id)
    var fromID: UInt64?

    @Option(help: "Only this id and lower ones.", transform: SelectionValue.id)
    var untilID: UInt64?

    @Option(
        help: """
            Only messages for clients of this hub; of ASP.NET Core the full type name or the name of the class. Give it again \
            for more. Case does not matter.
            """,
        transform: SelectionValue.text)
    var hub: [String] = []

    @Option(
        help: "Only calls of this client method; give it again for more. Case does not matter.",
        transform: SelectionValue.text)
    var method: [String] = []

    @Option(
        help: """
            Only this signal, such as 'hg-chatHub.*', or Redis channel of ASP.NET Core, such as '*ChatHub:group:*': * is any \
            text, ? one character. Give it again for more.
            """,
        transform: SelectionValue.text)
    var signal: [String] = []

    @Option(
        help: """
            Only messages of this kind: hub, client, group, user, connection, persistent_connection, \
            persistent_connection_group, command, ack, other; of ASP.NET Core all, group, user, connection, \
            group_command, ack, result. Give it again for more.
            """,
        transform: SelectionValue.kind)
    var kind: [EnvelopeKind] = []

    @Option(
        help: "Only messages sent by this connection id; give it again for more.", transform: SelectionValue.text)
    var source: [String] = []

    @Option(
        help: "Only messages for this group, or group commands about it; give it again for more.",
        transform: SelectionValue.text)
    var group: [String] = []

    @Option(help: "Only messages for this user; give it again for more.", transform: SelectionValue.text)
    var user: [String] = []

    @Option(
        help: "Only messages for this connection id, or group commands about it; give it again for more.",
        transform: SelectionValue.text)
    var connection: [String] = []

    @Option(
        help: "Only messages with this text in the value, case as it is; give it again for more.",
        transform: SelectionValue.text)
    var grep: [String] = []

    @Option(
        help:
            "Only this share of all signals or Redis channels, such as 10%: always the same ones, so that a group stays whole.",
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
