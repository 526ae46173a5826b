/// How an envelope differs from what nodes write, although nodes decode it.
///
/// Worth a count: somebody other than a node, or a node of another make, publishes on the event key.
package struct EnvelopeOddities: Oddities {
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

    package static let names = [
        "id", "blob_length", "message_count", "string_length", "utf8", "boolean", "trailing_bytes",
    ]
}
