/// How a payload differs from what nodes write, although nodes accept it. A payload without oddities is re-encoded to
/// the same bytes.
package struct CoreOddities: OptionSet, Hashable, Sendable {
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

    private static let names: [(CoreOddities, String)] = [
        (.longForm, "long_form"), (.utf8, "utf8"), (.extraItems, "extra_items"), (.trailingBytes, "trailing_bytes"),
        (.frameType, "frame_type"), (.duplicateProtocol, "duplicate_protocol"), (.nilText, "nil_text"),
    ]

    /// Stable snake_case names.
    package var labels: [String] { Self.names.filter { contains($0.0) }.map(\.1) }
}
