import Backplane

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
