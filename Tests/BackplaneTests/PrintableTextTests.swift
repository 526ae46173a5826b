import Testing

@testable import Backplane

@Suite struct PrintableTextTests {
    static let steering: [Unicode.Scalar] = [
        "\u{0}", "\u{7}", "\u{8}", "\u{D}", "\u{1B}", "\u{7F}", "\u{80}", "\u{9B}", "\u{9D}", "\u{61C}", "\u{200E}",
        "\u{200F}", "\u{2028}", "\u{2029}", "\u{202A}", "\u{202E}", "\u{2066}", "\u{2069}",
    ]

    @Test(arguments: steering) func isReplacedAndInJSONEscaped(scalar: Unicode.Scalar) {
        let text = "a\(Character(scalar))b"
        #expect(PrintableText.line(text) == "a\u{FFFD}b")
        if scalar != "\r" {
            let digits = String(scalar.value, radix: 16)
            let padded = String(repeating: "0", count: 4 - digits.count) + digits
            #expect(PrintableText.json(text) == "a\\u\(padded)b")
        }
        #expect(PrintableText.lines(text) == "a\u{FFFD}b")
    }

    @Test func printableTextStays() {
        for text in ["chat", "café", "Боб", "日本", "نام\u{200C}ها", "👩\u{200D}💻", "", "a b"] {
            #expect(PrintableText.line(text) == text)
            #expect(PrintableText.json(text) == text)
        }
        #expect(PrintableText.line([0x61, 0xFF, 0x62]) == "a\u{FFFD}b")
    }

    @Test func ownLineBreaksStay() {
        #expect(PrintableText.lines("a\n\tb\u{9B}") == "a\n\tb\u{FFFD}")
        #expect(PrintableText.line("a\nb\tc") == "a\u{FFFD}b\u{FFFD}c")
        #expect(PrintableText.json("{\n\t\"a\": 1}") == "{\n\t\"a\": 1}")
    }
}
