/// Questions about JSON text.
package enum JSONText {
    /// Whether the bytes are one JSON value (RFC 8259), well-formed UTF-8 included, with nothing but white space around.
    ///
    /// Strict, so that a value for which this is true can be put into other JSON text as it is. Allocates nothing. False
    /// also for values nested deeper than 64 levels.
    package static func isJSON(_ bytes: UnsafeRawBufferPointer) -> Bool {
        guard UTF8Validation.firstInvalidOffset(in: bytes) == nil else { return false }
        var scanner = JSONScanner(bytes)
        return scanner.skipValue() && scanner.peek() == nil
    }

    /// Whether the bytes are one JSON value (RFC 8259), well-formed UTF-8 included, with nothing but white space around.
    package static func isJSON(_ bytes: [UInt8]) -> Bool {
        bytes.withUnsafeBytes { isJSON($0) }
    }

    /// Whether a value could be nested deeper than ``isJSON(_:)`` takes, by the number of its brackets: a quick look for
    /// one that is known to be JSON otherwise.
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

    /// The text that a JSON string holds, its escapes decoded. Lone surrogates become U+FFFD, as in .NET.
    ///
    /// - Returns: nil if the bytes are not one JSON string.
    package static func string(_ bytes: [UInt8]) -> String? {
        bytes.withUnsafeBytes { bytes in
            var scanner = JSONScanner(bytes)
            guard let string = scanner.string(), scanner.peek() == nil else { return nil }
            return string.decoded
        }
    }

    /// The same value as the serializer of real nodes writes it: no white space, strings escaped where it escapes, numbers
    /// as they are.
    ///
    /// - Returns: nil if the bytes are not one JSON value (``isJSON(_:)``).
    package static func rewritten(_ bytes: [UInt8]) -> [UInt8]? {
        // Checked whole: it bounds the depth, and below nothing can be malformed.
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
