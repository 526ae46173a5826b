import Backplane
import JSON

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Finds a text in values, either plain or as escaped in a JSON string by a node.
struct TextSearch: Sendable {
    private let plain: [UInt8]
    /// nil if JSON does not escape the text.
    private let escaped: [UInt8]?

    init(_ text: String) {
        plain = Array(text.utf8)
        var literal = JSONWriter()
        literal.string(text)
        let inner = Array(literal.bytes.dropFirst().dropLast())
        escaped = inner == plain ? nil : inner
    }

    func isFound(in value: UnsafeRawBufferPointer) -> Bool {
        Self.isFound(plain, in: value) || escaped.map { Self.isFound($0, in: value) } ?? false
    }

    private static func isFound(_ text: [UInt8], in value: UnsafeRawBufferPointer) -> Bool {
        guard let first = text.first else { return true }
        guard let start = value.baseAddress, value.count >= text.count else { return false }
        let lastStart = value.count - text.count
        var offset = 0
        while offset <= lastStart {
            guard let place = memchr(start + offset, CInt(first), lastStart - offset + 1) else { return false }
            if memcmp(place, text, text.count) == 0 { return true }
            offset = UnsafeRawPointer(place) - start + 1
        }
        return false
    }
}
