import JSON
import TestSupport
import Testing

@Suite struct JSONWriterTests {
    static let strings: [(text: String, json: String)] = [
        ("", #""""#), ("plain é 漢 😀 \u{7F}", "\"plain é 漢 😀 \u{7F}\""), (#"a"b\c/"#, #""a\"b\\c/""#),
        ("\u{08}\u{0C}\n\r\t", #""\b\f\n\r\t""#), ("\u{0}\u{1}\u{B}\u{1F}", #""\u0000\u0001\u000b\u001f""#),
        ("a\u{85}b\u{2028}c\u{2029}", #""a\u0085b\u2028c\u2029""#),
        // Starts like a Unicode line end but is not one.
        ("\u{84}\u{E2}\u{2027}\u{202A}\u{20AC}", "\"\u{84}\u{E2}\u{2027}\u{202A}\u{20AC}\""),
    ]

    @Test(arguments: strings) func `a string has minimal escapes`(text: String, json: String) {
        var writer = JSONWriter()
        writer.string(text)
        #expect(String(decoding: writer.bytes, as: UTF8.self) == json)
        #expect(JSONText.string(writer.bytes) == text)
    }

    /// Both writers share one table of escapes; only Unicode line ends differ.
    @Test func `a string written in place is the same`() {
        for code in UInt8(0)..<0x80 {
            let text = "12345\(Unicode.Scalar(code))678901234\(Unicode.Scalar(code))"
            var writer = JSONWriter()
            writer.string(text)
            #expect(inPlace(text) == writer.bytes, "\(code)")
        }
        #expect(inPlace("\u{85}\u{2028}") == Array("\"\u{85}\u{2028}\"".utf8))
    }

    @Test func `a tree keeps Unicode line ends`() {
        #expect(JSONTree.string("a\u{85}\u{2028}\n").description == "\"a\u{85}\u{2028}\\n\"")
    }

    @Test func `no string written in place exceeds its limit`() {
        for text in ["", "\u{0}", String(repeating: "\u{1}", count: 50)] {
            #expect(inPlace(text).count == OutputSpan<UInt8>.jsonStringLimit(text.utf8.count))
        }
    }

    @Test(arguments: [0, 9, 10, 99, 100, 12_345, UInt64.max / 10, UInt64.max - 1, .max])
    func `a number in place`(number: UInt64) {
        let bytes = [UInt8](capacity: 20) { $0.append(decimal: number) }
        #expect(String(decoding: bytes, as: UTF8.self) == "\(number)")
    }

    @Test func `commas are written only between members and elements`() {
        var writer = JSONWriter()
        writer.raw("{")
        writer.member("a", "{")
        writer.member("left out", nil as String?)
        writer.member("b", UInt64.max)
        writer.member("left out", nil as Int?)
        writer.member("c")
        writer.raw("[")
        for text in ["[", ",", ":"] {
            writer.element()
            writer.string(text)
        }
        writer.element()
        writer.raw("{")
        writer.member("d", -1)
        writer.raw("}]}")
        #expect(
            String(decoding: writer.bytes, as: UTF8.self)
                == #"{"a":"{","b":18446744073709551615,"c":["[",",",":",{"d":-1}]}"#)
    }

    private func inPlace(_ text: String) -> [UInt8] {
        let utf8 = Array(text.utf8)
        return utf8.withUnsafeBytes { bytes in
            [UInt8](capacity: OutputSpan<UInt8>.jsonStringLimit(bytes.count)) { $0.append(jsonString: bytes) }
        }
    }
}
