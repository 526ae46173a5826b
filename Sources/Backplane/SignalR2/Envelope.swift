/// One payload PUBLISHed on a backplane channel, decoded: an id and what a node published under it.
///
/// Source: `RedisMessage.cs` of Microsoft.AspNet.SignalR.StackExchangeRedis.
package struct Envelope: Equatable, Sendable {
    /// The number assigned by the event key's counter. Dense and ascending on a healthy channel.
    package var id: UInt64
    /// What the node published.
    package var body: ScaleoutMessage

    package init(id: UInt64, body: ScaleoutMessage) {
        self.id = id
        self.body = body
    }

    /// Decodes a payload, `decimal id, space, blob`.
    ///
    /// Copies everything; `EnvelopeWalk` reads the same in place.
    package init(decoding payload: UnsafeRawBufferPointer) throws(EnvelopeError) {
        let blobOffset: Int
        (id, blobOffset) = try EnvelopeID.parse(payload)
        body = try ScaleoutMessage(BlobWalk(payload, at: blobOffset))
    }

    /// Decodes a payload, `decimal id, space, blob`.
    ///
    /// Copies everything; `EnvelopeWalk` reads the same in place.
    package init(decoding payload: some Collection<UInt8>) throws(EnvelopeError) {
        self = try withContiguousBytes(of: payload) { bytes throws(EnvelopeError) in
            try Envelope(decoding: bytes)
        }
    }

    /// The payload, byte for byte as a real node's publish script produces it (for ids below 10^14; beyond, Lua writes
    /// `1e+14`, which cannot be decoded).
    ///
    /// - Precondition: below 2 GiB in total, the limit of the format.
    package func encoded() -> [UInt8] {
        var writer = FieldWriter()
        writer.ascii("\(id) ")
        body.append(to: &writer)
        return writer.bytes
    }
}
