import JSON

/// A text of a hub message in place: as it stands in the JSON, escapes checked but not decoded, or UTF-8 of
/// MessagePack. Valid as long as the payload's memory.
package struct CoreText {
    /// The cheapest key for counting: nodes write a name always the same way.
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

    /// Whether both are the same text, byte for byte once escapes are decoded.
    package func isSame(as other: CoreText) -> Bool {
        if !hasEscapes, !other.hasEscapes { return raw.elementsEqual(other.raw) }
        return text.utf8.elementsEqual(other.text.utf8)
    }
}
