import Backplane
import Capture

/// One envelope of the live feed.
struct LiveLine: Sendable, Equatable {
    /// Maximum length of a displayed name; longer ones are cut.
    static let nameLimit = 80
    /// Maximum length of a displayed value, in characters.
    static let valueLimit = 2_000

    /// Ascending, so that a page knows which lines it has shown.
    var number: UInt64
    var channel: Int
    /// Nanoseconds since 1970.
    var at: UInt64
    var id: UInt64?
    /// `undecodable` if it is no envelope of its channel's SignalR.
    var kind: String
    var messages: Int
    var hub: String?
    /// For a command, what it does.
    var method: String?
    /// The group, user or connection that it is for; nil where it is for all, or names are not to be shown.
    var target: String?
    /// Payload bytes.
    var size: Int
    /// In seconds; nil if the publisher's time is not known, or lies ahead of ours, and on a wire that does not tell it.
    var latency: Double?
    /// The message's value, of ASP.NET Core the arguments or the result; only with `--show-payloads`.
    var value: String?

    /// - Parameter showsNames: false where the names of groups and users and the ids of connections are not recorded.
    init(_ envelope: SampledEnvelope, number: UInt64, showsValue: Bool, showsNames: Bool = true) {
        self.number = number
        channel = envelope.channel
        at = envelope.receivedAt
        id = envelope.id
        kind = envelope.kind?.label ?? "undecodable"
        messages = envelope.messages
        size = envelope.size
        if let createdAt = envelope.createdAt, createdAt <= at { latency = Double(at - createdAt) * 1e-9 }
        if showsNames { target = envelope.target }
        envelope.value.withUnsafeBytes { value in
            switch envelope.form {
            case .signalR2: addSignalR2(value, kind: envelope.kind, showsValue: showsValue)
            case .core where showsValue: self.value = Self.coreValue(value, envelope.form)
            case .core: break
            }
        }
        if envelope.form != .signalR2 { (hub, method) = (envelope.hub, envelope.method) }
    }

    private mutating func addSignalR2(_ value: UnsafeRawBufferPointer, kind: EnvelopeKind?, showsValue: Bool) {
        if let call = HubInvocation(scanning: value) {
            hub = String(call.hubName.prefix(Self.nameLimit))
            method = String(call.methodName.prefix(Self.nameLimit))
        } else if kind == .command, let command = try? Command(decoding: value) {
            method = command.type.label.replacing("_", with: " ")
        }
        if showsValue { self.value = Self.shown(value) }
    }

    /// - Parameter bytes: the whole envelope; empty if it was too large to be copied.
    private static func coreValue(_ bytes: UnsafeRawBufferPointer, _ form: EnvelopeForm) -> String? {
        guard !bytes.isEmpty, var view = try? EnvelopeView(bytes, form), let core = view.core,
            let message = try? view.next()
        else { return nil }
        if let call = message.call { return shown(call.arguments.lineJSON) }
        if case .groupCommand(let command) = core.payload {
            return "connection " + shown(command.connection)
        }
        guard let answer = core.message else { return nil }
        if let error = answer.error { return shown(error.text.utf8) }
        return answer.value.map { shown(answer.value($0).lineJSON) }
    }

    private static func shown(_ bytes: some Collection<UInt8>) -> String {
        String(String(decoding: bytes.prefix(4 * valueLimit), as: UTF8.self).prefix(valueLimit))
    }
}
