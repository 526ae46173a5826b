/// In what a payload differs from those that nodes write, though a node takes it. A payload without any is written
/// again to the same bytes.
package struct CoreOddities: Oddities {
    package let rawValue: UInt8

    package init(rawValue: UInt8) {
        self.rawValue = rawValue
    }

    /// A number, length or count takes more bytes than it needs.
    package static let longForm = CoreOddities(rawValue: 1 << 0)
    /// A text is not UTF-8: nodes read U+FFFD for malformed parts.
    package static let utf8 = CoreOddities(rawValue: 1 << 1)
    /// Items after those that nodes write, except our forward mark.
    package static let extraItems = CoreOddities(rawValue: 1 << 2)
    /// Bytes after the payload.
    package static let trailingBytes = CoreOddities(rawValue: 1 << 3)
    /// A frame is text or nil where nodes write bytes.
    package static let frameType = CoreOddities(rawValue: 1 << 4)
    /// A protocol has two frames; nodes send the first.
    package static let duplicateProtocol = CoreOddities(rawValue: 1 << 5)
    /// Nil where nodes write a text.
    package static let nilText = CoreOddities(rawValue: 1 << 6)

    package static let names = [
        "long_form", "utf8", "extra_items", "trailing_bytes", "frame_type", "duplicate_protocol", "nil_text",
    ]
}
