extension [UInt8] {
    /// Appends a text with backslash and line feed escaped, the only characters that would end or alter a line.
    ///
    /// - Parameter quotes: whether to escape the double quote too. Required for label values in both formats, and for
    ///   help texts in OpenMetrics only: the text format would show the backslash.
    mutating func appendEscaped(_ text: String, quotes: Bool) {
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\\"):
                append(contentsOf: "\\\\".utf8)
            case UInt8(ascii: "\n"):
                append(contentsOf: "\\n".utf8)
            case UInt8(ascii: "\"") where quotes:
                append(contentsOf: "\\\"".utf8)
            default:
                append(byte)
            }
        }
    }
}
