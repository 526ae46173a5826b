import JSON

/// A text of a hub message in place: JSON with validated but undecoded escapes, or UTF-8 in MessagePack. Valid as long
/// as the payload's memory.
package struct CoreText {
    /// The cheapest key for counting: nodes always write a name the same way.
    package let raw: UnsafeRawBufferPointer
    package let hasEscapes: Bool

    init(_ json: JSONString) {
        raw = json.raw
        hasEscapes = json.hasEscapes
    }

    init(_ utf8: UnsafeRawBufferPointer) {
        raw = utf8
        hasEscapes = false
    }

    /// Lone surrogates and malformed UTF-8 become U+FFFD, as in .NET.
    package var text: String { JSONString(raw: raw, hasEscapes: hasEscapes).decoded }

    /// Whether both texts are equal byte for byte after decoding escapes.
    package func isSame(as other: CoreText) -> Bool {
        if !hasEscapes, !other.hasEscapes { return raw.elementsEqual(other.raw) }
        return text.utf8.elementsEqual(other.text.utf8)
    }
}
