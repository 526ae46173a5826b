/// Walks over one payload in place, without copying or allocating.
///
/// ```swift
/// var walk = try EnvelopeWalk(payload)
/// while let message = try walk.next() {
///     count(message.kind)
/// }
/// ```
/// A payload is a valid envelope only once `next()` has returned nil: that call also checks the time. The walk and its
/// views are valid as long as the payload's memory.
package struct EnvelopeWalk {
    /// The number in front of the blob.
    package let id: UInt64
    /// Offset of the blob, which follows the id and its space.
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

    /// How the envelope differs from what nodes write; complete once `next()` has returned nil.
    package var oddities: EnvelopeOddities { blob.oddities }

    /// When the publisher created the envelope, by its own clock, in `DotNetTicks`. Final once `next()` has returned
    /// nil: before that the value is unchecked, and wrong if extra bytes follow the time.
    package var createdTicks: Int64 { blob.createdTicks }

    /// Decodes the next message.
    ///
    /// - Returns: nil after the last message, when the time has been checked too.
    /// - Throws: the message's error; repeated calls throw it again.
    package mutating func next() throws(EnvelopeError) -> MessageView? {
        try blob.next()
    }
}
