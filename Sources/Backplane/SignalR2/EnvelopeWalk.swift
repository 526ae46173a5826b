/// A walk over one payload in place: nothing is copied, nothing is allocated.
///
/// ```swift
/// var walk = try EnvelopeWalk(payload)
/// while let message = try walk.next() {
///     count(message.kind)
/// }
/// ```
/// A payload is a whole envelope only once `next()` has returned nil: that call also checks the time.
/// The walk and the views that it hands out are valid as long as the payload's memory.
package struct EnvelopeWalk {
    /// The number in front of the blob.
    package let id: UInt64
    /// Offset of the blob, the part of the payload behind the id and its space.
    package let blobOffset: Int
    private var blob: BlobWalk

    /// Reads the id, the lengths, the number of messages and the time, but no message yet.
    package init(_ payload: UnsafeRawBufferPointer) throws(EnvelopeError) {
        let isOdd: Bool
        (id, blobOffset, isOdd) = try EnvelopeID.read(payload)
        blob = try BlobWalk(payload, at: blobOffset, oddities: isOdd ? .id : [])
    }

    /// Number of messages in the envelope. Real nodes send 1.
    package var messageCount: Int { blob.messageCount }

    /// In what the envelope differs from those that nodes write; complete once `next()` has returned nil.
    package var oddities: EnvelopeOddities { blob.oddities }

    /// When the publisher created the envelope, by its own clock, in `DotNetTicks`. Certain once `next()` has returned nil:
    /// before, an envelope with bytes left over behind its time shows something else, and the value is not checked.
    package var createdTicks: Int64 { blob.createdTicks }

    /// Decodes the next message.
    ///
    /// - Returns: nil behind the last message, when the time is found to be one, too.
    /// - Throws: what is wrong with the message; the same again when called again.
    package mutating func next() throws(EnvelopeError) -> MessageView? {
        try blob.next()
    }
}
