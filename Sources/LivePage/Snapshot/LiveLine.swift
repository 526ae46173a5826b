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
    /// `undecodable` if the payload is not an envelope of the channel's SignalR.
    var kind: String
    var messages: Int
    var hub: String?
    /// For a command, its action.
    var method: String?
    /// The recipient group, user or connection; nil if it is for all clients, or if names are hidden.
    var target: String?
    /// Payload bytes.
    var size: Int
    /// In seconds; nil if the wire has no publisher's time, or it is ahead of ours.
    var latency: Double?
    /// The value of the message, or the arguments or result with ASP.NET Core; only with `--show-payloads`.
    var value: String?

    /// - Parameter showsNames: false if names of groups and users and connection ids are recorded as hashes.
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

/// The copy of an envelope for the live feed, made on the recorder's thread.
struct SampledEnvelope: Sendable {
    /// Larger values are not copied, so hub and method of a larger SignalR 2 message are unknown.
    static let valueLimit = 16 * 1024

    var channel: Int
    /// The wire of its channel.
    let form: EnvelopeForm
    /// Nanoseconds since 1970.
    var receivedAt: UInt64
    /// Payload bytes.
    var size: Int
    /// nil if the payload does not begin with an id, or the wire has none.
    var id: UInt64?
    /// Of the first message; nil if the payload does not decode.
    var kind: EnvelopeKind?
    var messages = 0
    /// By the publisher's clock, nanoseconds since 1970; nil if the wire has no time.
    var createdAt: UInt64?
    /// Name of the recipient group, user or connection; nil for all clients.
    var target: String?
    /// Set for ASP.NET Core only; with SignalR 2 hub and method are in the value.
    var hub: String?
    var method: String?
    /// The value of the first message; for ASP.NET Core the whole envelope.
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
            case .groupCommand(let command) where CorePing.isPing(view.name, view.payload):
                method = "ping \(command.id) of a relay"
            case .ack(let ack) where CorePing.isPing(view.name, view.payload):
                method = "of a relay's ping \(ack.id)"
            case .invocation(let invocation):
                if let method = view.message?.target {
                    hub = Self.name(CoreEnvelopeView.className(view.hub))
                    self.method = String(method.text.prefix(LiveLine.nameLimit))
                } else {
                    // No frames, or only in protocols that are not SignalR's own.
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

    /// Discards what was decoded before the error.
    private mutating func forget() {
        (kind, messages, value, createdAt) = (nil, 0, [], nil)
        (target, hub, method) = (nil, nil, nil)
    }

    /// Cut to the displayed length: a name may be as long as an envelope.
    private static func name(_ bytes: UnsafeRawBufferPointer) -> String {
        String(String(decoding: bytes.prefix(4 * LiveLine.nameLimit), as: UTF8.self).prefix(LiveLine.nameLimit))
    }
}
