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

/// One message of an envelope, in place. Valid as long as the payload's memory.
///
/// Strings are UTF-8, unless ``EnvelopeWalk/oddities`` contains `utf8`: nodes then read U+FFFD for malformed parts.
package struct MessageView {
    /// UTF-8. The sender's connection id, or a GUID for a send by the server itself.
    package let source: UnsafeRawBufferPointer
    /// UTF-8. The signal: the recipients.
    package let key: UnsafeRawBufferPointer
    /// Any bytes; JSON for everything that SignalR itself sends, empty for an ack.
    package let value: UnsafeRawBufferPointer
    /// UTF-8. Empty if this is not a command.
    package let commandID: UnsafeRawBufferPointer
    /// Whether the sender waits for an ack of its command.
    package let waitForAck: Bool
    /// Whether it is the ack of the command with its `commandID`.
    package let isAck: Bool
    /// UTF-8. Signals that are excluded, joined by `|`.
    package let filter: UnsafeRawBufferPointer

    /// The same message with U+FFFD for malformed parts of strings; for envelopes with the `utf8` oddity.
    package func withWellFormedText<Result>(_ body: (MessageView) -> Result) -> Result {
        func wellFormed(_ text: UnsafeRawBufferPointer, _ next: (UnsafeRawBufferPointer) -> Result) -> Result {
            Array(String(decoding: text, as: UTF8.self).utf8).withUnsafeBytes(next)
        }
        return wellFormed(source) { source in
            wellFormed(key) { key in
                wellFormed(commandID) { commandID in
                    wellFormed(filter) { filter in
                        body(
                            MessageView(
                                source: source, key: key, value: value, commandID: commandID, waitForAck: waitForAck,
                                isAck: isAck, filter: filter))
                    }
                }
            }
        }
    }

    /// What it is for.
    package var kind: MessageKind {
        MessageKind(key: key, isCommand: !commandID.isEmpty, isAck: isAck)
    }
}

/// How an envelope differs from what nodes write, although nodes decode it.
///
/// Worth a count: the publisher is not a node, or a node of another implementation.
package struct EnvelopeOddities: Oddities {
    /// One bit for each oddity, in the order of ``names``.
    package let rawValue: UInt8

    package init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    /// The id has a sign, leading zeros, or white space around it: `+7`, `007`, `7<tab>`.
    package static let id = EnvelopeOddities(rawValue: 1 << 0)
    /// The blob's length exceeds the remaining bytes.
    package static let blobLength = EnvelopeOddities(rawValue: 1 << 1)
    /// The number of messages is negative, which counts as none.
    package static let messageCount = EnvelopeOddities(rawValue: 1 << 2)
    /// A string's length takes more bytes than needed, or has invalid bits.
    package static let stringLength = EnvelopeOddities(rawValue: 1 << 3)
    /// A string is not UTF-8; malformed parts become U+FFFD.
    package static let utf8 = EnvelopeOddities(rawValue: 1 << 4)
    /// A boolean is neither 0 nor 1, which counts as true.
    package static let boolean = EnvelopeOddities(rawValue: 1 << 5)
    /// Extra bytes after the time or after the blob.
    package static let trailingBytes = EnvelopeOddities(rawValue: 1 << 6)

    /// Stable snake_case names, in the order of the bits.
    package static let names = [
        "id", "blob_length", "message_count", "string_length", "utf8", "boolean", "trailing_bytes",
    ]
}
