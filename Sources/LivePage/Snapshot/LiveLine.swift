import Backplane

/// The data of one envelope for the feed, copied on the recorder's thread.
struct SampledEnvelope: Sendable {
    /// Larger values are not parsed; their hub and method stay unknown.
    static let valueLimit = 16 * 1024

    var channel: Int
    /// Nanoseconds since 1970.
    var receivedAt: UInt64
    /// Payload bytes.
    var size: Int
    /// nil if the payload has no id.
    var id: UInt64?
    /// Kind of the first message; nil if the payload does not decode.
    var kind: MessageKind?
    var messages = 0
    /// The publisher's clock, nanoseconds since 1970.
    var createdAt: UInt64?
    /// Value of the first message.
    var value: [UInt8] = []

    init(_ payload: UnsafeRawBufferPointer, channel: Int, receivedAt: UInt64) {
        self.channel = channel
        self.receivedAt = receivedAt
        size = payload.count
        id = try? EnvelopeID.parse(payload).id
        do throws(EnvelopeError) {
            var walk = try EnvelopeWalk(payload)
            while let message = try walk.next() {
                messages += 1
                guard messages == 1 else { continue }
                kind = message.kind
                if message.value.count <= Self.valueLimit { value = Array(message.value) }
            }
            createdAt = DotNetTicks(rawValue: walk.createdTicks).unixNanoseconds.flatMap { UInt64(exactly: $0) }
        } catch {
            value = []
            kind = nil
            messages = 0
        }
    }
}

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
    /// `undecodable` if it is not a SignalR 2 envelope.
    var kind: String
    var messages: Int
    var hub: String?
    /// For a command, what it does.
    var method: String?
    /// Payload bytes.
    var size: Int
    /// In seconds; nil if the publisher's time is unknown or in the future.
    var latency: Double?
    /// The message's value; only with `--show-payloads`.
    var value: String?

    init(_ envelope: SampledEnvelope, number: UInt64, showsValue: Bool) {
        self.number = number
        channel = envelope.channel
        at = envelope.receivedAt
        id = envelope.id
        kind = envelope.kind?.label ?? "undecodable"
        messages = envelope.messages
        size = envelope.size
        if let createdAt = envelope.createdAt, createdAt <= at { latency = Double(at - createdAt) * 1e-9 }
        envelope.value.withUnsafeBytes { value in
            if let call = HubInvocation(scanning: value) {
                hub = String(call.hubName.prefix(Self.nameLimit))
                method = String(call.methodName.prefix(Self.nameLimit))
            } else if envelope.kind == .command, let command = try? Command(decoding: value) {
                method = command.type.label.replacing("_", with: " ")
            }
            if showsValue { self.value = String(String(decoding: value, as: UTF8.self).prefix(Self.valueLimit)) }
        }
    }
}
