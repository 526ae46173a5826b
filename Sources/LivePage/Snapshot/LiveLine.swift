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

/// What the feed keeps of one envelope, copied on the recorder's thread.
struct SampledEnvelope: Sendable {
    /// Larger values are not copied: hub and method of a larger message of SignalR 2 stay unknown.
    static let valueLimit = 16 * 1024

    var channel: Int
    /// How the bytes are to be read.
    let form: EnvelopeForm
    /// Nanoseconds since 1970.
    var receivedAt: UInt64
    /// Payload bytes.
    var size: Int
    /// nil if the payload begins with none, or its wire has none.
    var id: UInt64?
    /// nil if the payload does not decode; of the first message.
    var kind: EnvelopeKind?
    var messages = 0
    /// Nanoseconds since 1970, by the publisher's clock; nil on a wire that does not tell.
    var createdAt: UInt64?
    /// Of the group, user or connection that it is for.
    var target: String?
    /// Of a hub of ASP.NET Core. In SignalR 2 they stand in the value.
    var hub: String?
    var method: String?
    /// The first message's value; of ASP.NET Core the whole envelope.
    var value: [UInt8] = []

    init(
        _ bytes: UnsafeRawBufferPointer, _ form: EnvelopeForm = .signalR2, channel: Int, receivedAt: UInt64
    ) {
        self.channel = channel
        self.form = form
        self.receivedAt = receivedAt
        size = bytes.count
        do throws(EnvelopeFault) {
            var view = try EnvelopeView(bytes, form)
            size = view.payload.count
            id = view.id
            while let message = try view.next() {
                messages += 1
                if messages == 1 { take(message, bytes) }
            }
            createdAt = view.createdTicks.flatMap { DotNetTicks(rawValue: $0).unixNanoseconds }
                .flatMap { UInt64(exactly: $0) }
        } catch {
            forget()
            if form == .signalR2 {
                id = try? EnvelopeID.parse(bytes).id
            } else if let record = try? CoreRecord(bytes) {
                size = record.payload.count
            }
        }
    }

    private mutating func take(_ message: SentMessage, _ bytes: UnsafeRawBufferPointer) {
        kind = message.kind
        target = message.target.map { Self.name($0) }
        switch message.wire {
        case .signalR2(let view):
            if view.value.count <= Self.valueLimit { value = Array(view.value) }
        case .core(let view):
            if bytes.count <= Self.valueLimit { value = Array(bytes) }
            switch view.payload {
            case .invocation(let invocation):
                if let method = view.message?.target {
                    hub = Self.name(CoreEnvelopeView.className(view.hub))
                    self.method = String(method.text.prefix(LiveLine.nameLimit))
                } else {
                    // Frames of protocols that only the application knows, or none.
                    let names = view.message?.type.map { [$0.label] } ?? invocation.protocols
                    self.method = String(names.joined(separator: ", ").prefix(LiveLine.nameLimit))
                }
            case .groupCommand(let command):
                method =
                    switch command.action {
                    case .add: "add to group"
                    case .remove: "remove from group"
                    case nil: "action \(command.rawAction)"
                    }
            case .ack(let ack): method = "of command \(ack.id)"
            case .completion: method = view.message?.error == nil ? nil : "error"
            }
        }
    }

    /// Nothing of what stands before the place where it does not decode is shown.
    private mutating func forget() {
        (kind, messages, value, createdAt) = (nil, 0, [], nil)
        (target, hub, method) = (nil, nil, nil)
    }

    /// Of a name no more than is shown; it may be as long as an envelope.
    private static func name(_ bytes: UnsafeRawBufferPointer) -> String {
        String(String(decoding: bytes.prefix(4 * LiveLine.nameLimit), as: UTF8.self).prefix(LiveLine.nameLimit))
    }
}
