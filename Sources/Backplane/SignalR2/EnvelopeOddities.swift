/// In what an envelope differs from those that nodes write, though nodes decode it all the same.
///
/// Worth a count: somebody other than a node, or a node of another make, publishes on the event key.
package struct EnvelopeOddities: Oddities {
    package let rawValue: UInt8

    package init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    /// The id has a sign, leading zeros, or white space around it: `+7`, `007`, `7<tab>`.
    package static let id = EnvelopeOddities(rawValue: 1 << 0)
    /// The blob's length is larger than what follows it.
    package static let blobLength = EnvelopeOddities(rawValue: 1 << 1)
    /// The number of messages is negative, which counts as none.
    package static let messageCount = EnvelopeOddities(rawValue: 1 << 2)
    /// A string's length takes more bytes than it needs, or has bits that no length has.
    package static let stringLength = EnvelopeOddities(rawValue: 1 << 3)
    /// A string is not UTF-8; U+FFFD takes the place of what is malformed.
    package static let utf8 = EnvelopeOddities(rawValue: 1 << 4)
    /// A boolean is neither 0 nor 1, which counts as true.
    package static let boolean = EnvelopeOddities(rawValue: 1 << 5)
    /// Bytes are left over behind the time or behind the blob.
    package static let trailingBytes = EnvelopeOddities(rawValue: 1 << 6)

    package static let names = [
        "id", "blob_length", "message_count", "string_length", "utf8", "boolean", "trailing_bytes",
    ]
}
