import Testing

@testable import HubNode

@Suite("Hub JSON")
struct HubJSONTests {
    private static let escaped: [(value: String, json: String)] = [
        ("", #"[""]"#), ("a/b", #"["a/b"]"#), ("<&>'", #"["<&>'"]"#), ("\"\\", #"["\"\\"]"#),
        ("\u{8}\u{C}\n\r\t", #"["\b\f\n\r\t"]"#), ("\u{0}\u{1F}", #"["\u0000\u001f"]"#), ("\u{7F}", "[\"\u{7F}\"]"),
        ("\u{85}", #"["\u0085"]"#), ("a\u{2028}b\u{2029}c", #"["a\u2028b\u2029c"]"#),
        ("\u{2028}\u{85}\u{2029}", #"["\u2028\u0085\u2029"]"#),
        // Neighbours of those three, byte by byte.
        ("\u{84}\u{86}\u{C5}\u{2027}\u{202A}\u{2068}", "[\"\u{84}\u{86}\u{C5}\u{2027}\u{202A}\u{2068}\"]"),
        ("日本 😀 é", #"["日本 😀 é"]"#),
    ]

    @Test("text has the escapes of a real node", arguments: escaped)
    func encode(value: String, json: String) throws {
        #expect(text(try HubJSON.encode([value])) == json)
        #expect(try HubJSON.decode([String].self, from: Array(json.utf8)) == [value])
    }

    @Test("keys too")
    func keys() throws {
        #expect(text(try HubJSON.encode(["a\u{2028}/": 1])) == #"{"a\u2028/":1}"#)
    }
}
