import JSON

/// Redacts JSON text: structure and member names stay, values are replaced.
package struct JSONRedactor {
    /// The replacement for a scalar.
    package typealias Replacement = (_ scalar: Scalar) -> String

    /// A string or a number to replace.
    package enum Scalar {
        /// The text, its escapes decoded.
        case string(String)
        /// As written in the JSON.
        case number(UnsafeRawBufferPointer)
    }

    /// The value of a hidden member.
    package static let hidden = "***"

    private let hiddenMembers: [String]
    private let replacement: Replacement?

    /// - Parameters:
    ///   - hiddenMembers: names, compared without case; their values become `"***"`, at any depth.
    ///   - replacement: for strings and numbers; nil leaves them. `true`, `false` and `null` always stay.
    package init(hiddenMembers: [String], replacement: Replacement? = nil) {
        self.hiddenMembers = hiddenMembers.map { $0.lowercased() }
        self.replacement = replacement
    }

    /// - Parameter keeping: members of the outermost object that stay unchanged, unless hidden.
    /// - Returns: nil if the bytes are not exactly one JSON value (``JSONText/isJSON(_:)``).
    package func redacted(_ bytes: UnsafeRawBufferPointer, keeping: [String] = []) -> [UInt8]? {
        // Validated as a whole: this bounds the depth, and nothing below can be malformed.
        guard JSONText.isJSON(bytes) else { return nil }
        var writer = JSONWriter()
        var scanner = JSONScanner(bytes)
        rewrite(&scanner, to: &writer, keeping: keeping)
        return writer.bytes
    }

    private func rewrite(_ scanner: inout JSONScanner, to writer: inout JSONWriter, keeping: [String] = []) {
        switch scanner.peek() {
        case UInt8(ascii: "{"):
            writer.raw("{")
            _ = scanner.object { scanner, name in
                writer.element()
                writer.raw("\"")
                writer.raw(name.raw)
                writer.raw("\":")
                rewriteMember(name, &scanner, to: &writer, keeping: keeping)
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
        default:
            rewriteScalar(&scanner, to: &writer)
        }
    }

    private func rewriteMember(
        _ name: JSONString, _ scanner: inout JSONScanner, to writer: inout JSONWriter, keeping: [String]
    ) {
        if !hiddenMembers.isEmpty || !keeping.isEmpty {
            let text = name.decoded
            if !hiddenMembers.isEmpty, hiddenMembers.contains(text.lowercased()) {
                _ = scanner.skipValue()
                writer.string(Self.hidden)
                return
            }
            if keeping.contains(text) {
                if let value = scanner.value() { writer.raw(value) }
                return
            }
        }
        rewrite(&scanner, to: &writer)
    }

    private func rewriteScalar(_ scanner: inout JSONScanner, to writer: inout JSONWriter) {
        let first = scanner.peek()
        let start = scanner
        guard let raw = scanner.value() else { return }
        guard let replacement else { return writer.raw(raw) }
        switch first {
        case UInt8(ascii: "\""):
            var again = start
            writer.string(replacement(.string(again.string()?.decoded ?? "")))
        case UInt8(ascii: "t"), UInt8(ascii: "f"), UInt8(ascii: "n"): writer.raw(raw)
        default: writer.string(replacement(.number(raw)))
        }
    }
}
