/// Writes JSON text as the serializer of real nodes (Newtonsoft.Json) does.
package struct JSONWriter {
    package private(set) var bytes: [UInt8] = []

    package init() {}

    /// JSON text as it is.
    package mutating func raw(_ json: String) {
        bytes.append(contentsOf: json.utf8)
    }

    /// JSON text as it is.
    package mutating func raw(_ json: some Collection<UInt8>) {
        bytes.append(contentsOf: json)
    }

    /// A string, escaped where the real serializer escapes: quotation marks, backslashes, control characters and the
    /// three line ends of Unicode.
    package mutating func string(_ text: String) {
        bytes.append(UInt8(ascii: "\""))
        for scalar in text.unicodeScalars {
            switch scalar {
            case "\"": raw(#"\""#)
            case "\\": raw(#"\\"#)
            case "\u{08}": raw(#"\b"#)
            case "\u{0C}": raw(#"\f"#)
            case "\n": raw(#"\n"#)
            case "\r": raw(#"\r"#)
            case "\t": raw(#"\t"#)
            case "\u{0}"..."\u{1F}", "\u{85}", "\u{2028}", "\u{2029}": unicodeEscape(UInt16(scalar.value))
            default: bytes.append(contentsOf: UTF8.encode(scalar) ?? UTF8.encodedReplacementCharacter)
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }

    private mutating func unicodeEscape(_ codeUnit: UInt16) {
        raw(#"\u"#)
        for shift in [12, 8, 4, 0] {
            let digit = UInt8(codeUnit >> shift & 0xF)
            bytes.append(digit < 10 ? UInt8(ascii: "0") + digit : UInt8(ascii: "a") + digit - 10)
        }
    }
}
