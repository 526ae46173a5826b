/// Makes text safe for a terminal or a page: names and values come from the wire, and could control the terminal or
/// mislead the reader.
package enum PrintableText {
    /// One line: control characters, line ends and malformed UTF-8 become U+FFFD.
    package static func line(_ bytes: some Sequence<UInt8>) -> String {
        let bytes = Array(bytes)
        // Nearly all text is plain ASCII; looking up the category of each character would dominate the cost of a line.
        if bytes.allSatisfy({ (0x20..<0x7F).contains($0) }) { return String(decoding: bytes, as: UTF8.self) }
        return replaced(String(decoding: bytes, as: UTF8.self)) { _ in false }
    }

    /// The same for text.
    package static func line(_ text: String) -> String { line(text.utf8) }

    /// Several lines of our own: line ends and tabs stay.
    package static func lines(_ text: String) -> String {
        guard steers(text) else { return text }
        return replaced(text) { $0 == "\n" || $0 == "\t" }
    }

    /// Lines with our own control characters below U+0020: other control characters are replaced.
    package static func withoutSteering(coloured lines: [UInt8]) -> [UInt8] {
        if lines.allSatisfy({ $0 < 0x7F }) { return lines }
        return Array(replaced(String(decoding: lines, as: UTF8.self)) { $0.value < 0x20 }.utf8)
    }

    /// Equivalent JSON text: control characters become `\u` and four digits, because they can only be inside a string.
    package static func json(_ text: String) -> String {
        guard steers(text) else { return text }
        var escaped = ""
        for scalar in text.unicodeScalars {
            if steers(scalar), scalar != "\n", scalar != "\t", scalar != "\r" {
                let digits = String(scalar.value, radix: 16)
                escaped += "\\u" + String(repeating: "0", count: max(0, 4 - digits.count)) + digits
            } else {
                escaped.unicodeScalars.append(scalar)
            }
        }
        return escaped
    }

    /// Control characters (the C1 ones start sequences like ESC does), line and paragraph separators, and bidirectional
    /// controls, which display the following characters in another order. All are below U+10000.
    package static func steers(_ scalar: Unicode.Scalar) -> Bool {
        switch scalar.value {
        case 0x00...0x1F, 0x7F...0x9F, 0x061C, 0x200E...0x200F, 0x2028...0x202E, 0x2066...0x2069: true
        default: false
        }
    }

    private static func steers(_ text: String) -> Bool {
        !text.utf8.allSatisfy { (0x20..<0x7F).contains($0) } && text.unicodeScalars.contains { steers($0) }
    }

    private static func replaced(_ text: String, except isKept: (Unicode.Scalar) -> Bool) -> String {
        String(
            String.UnicodeScalarView(
                text.unicodeScalars.map { steers($0) && !isKept($0) ? "\u{FFFD}" : $0 }))
    }
}
