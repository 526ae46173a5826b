import Redis
import Backplane

/// What the feed keeps of one envelope, copied on the recorder's thread.
struct SampledEnvelope: Sendable {
    /// Of a message's value more is not looked at; hub and method of a larger one stay unknown.
    static let valueLimit = 16 * 1024

    var channel: Int
    /// Nanoseconds since 1970.
    var receivedAt: UInt64
    /// Payload bytes.
    var size: Int
    /// nil if the payload begins with none.
    var id: UInt64?
    /// nil if the payload does not decode; of the first message.
    var kind: MessageKind?
    var messages = 0
    /// Nanoseconds since 1970, by the publisher's clock.
    var createdAt: UInt64?
    /// Of the first message.
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
