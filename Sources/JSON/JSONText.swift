/// Functions on JSON text.
package enum JSONText {
    /// Whether the bytes are exactly one JSON value (RFC 8259) in well-formed UTF-8, with optional white space around
    /// it.
    ///
    /// Strict, so that such a value can be embedded in other JSON text. Does not allocate. False for values nested
    /// deeper than 64 levels.
    package static func isJSON(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard UTF8Validation.firstInvalidOffset(in: bytes) == nil else { return false }
        var scanner = JSONScanner(bytes)
        return scanner.skipValue() && scanner.peek() == nil
    }

    /// Whether the bytes are exactly one JSON value (RFC 8259) in well-formed UTF-8, with optional white space around
    /// it.
    package static func isJSON(_ bytes: [UInt8]) -> Bool {
        bytes.withUnsafeBytes { isJSON($0) }
    }

    /// Whether a value might be nested deeper than ``isJSON(_:)`` allows, by the number of its brackets: a quick check
    /// for text already known to be JSON.
    package static func mayBeTooDeep(_ bytes: UnsafeRawBufferPointer) -> Bool {
        var brackets = 0
        // `[` and `{` differ in one bit.
        for byte in bytes { brackets &+= byte & 0xDF == UInt8(ascii: "[") ? 1 : 0 }
        return brackets > JSONScanner.maximumDepth
    }

    /// Whether the bytes are well-formed UTF-8.
    package static func isUTF8(_ bytes: UnsafeRawBufferPointer) -> Bool {
        UTF8Validation.firstInvalidOffset(in: bytes) == nil
    }

    /// The decoded text of a JSON string. Lone surrogates become U+FFFD, as in .NET.
    ///
    /// - Returns: nil if the bytes are not one JSON string.
    package static func string(_ bytes: [UInt8]) -> String? {
        bytes.withUnsafeBytes { bytes in
            var scanner = JSONScanner(bytes)
            guard let string = scanner.string(), scanner.peek() == nil else { return nil }
            return string.decoded
        }
    }

    /// The value as written by the serializer of real nodes: without white space, strings escaped as it does, numbers
    /// unchanged.
    ///
    /// - Returns: nil if the bytes are not one JSON value (``JSONText/isJSON(_:)``).
    package static func rewritten(_ bytes: [UInt8]) -> [UInt8]? {
        // Validated as a whole: this bounds the depth, and nothing below can be malformed.
        guard isJSON(bytes) else { return nil }
        var writer = JSONWriter()
        bytes.withUnsafeBytes { bytes in
            var scanner = JSONScanner(bytes)
            rewrite(&scanner, to: &writer)
        }
        return writer.bytes
    }

    private static func rewrite(_ scanner: inout JSONScanner, to writer: inout JSONWriter) {
        switch scanner.peek() {
        case UInt8(ascii: "{"):
            writer.raw("{")
            _ = scanner.object { scanner, name in
                writer.member(name.decoded)
                rewrite(&scanner, to: &writer)
                return true
            }
            writer.raw("}")
        case UInt8(ascii: "["):
            writer.raw("[")
            _ = scanner.array { scanner in
                writer.element()
                rewrite(&scanner, to: &writer)
                return true
            }
            writer.raw("]")
        case UInt8(ascii: "\""):
            writer.string(scanner.string()?.decoded ?? "")
        default:
            if let value = scanner.value() { writer.raw(value) }
        }
    }
}
