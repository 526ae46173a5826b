import JSON
import TestSupport
import Testing

struct JSONTreeTests {
    static let texts: [(String, JSONTree)] = [
        ("null", nil), ("true", true), (" false\n", false), ("0", 0), ("-0", 0),
        ("9007199254740993", 9_007_199_254_740_993),
        ("9223372036854775807", .integer(.max)), ("9223372036854775808", .double(9_223_372_036_854_775_808)),
        ("1.5e3", 1500.0), ("-0.25E-2", -0.0025), ("\"\"", ""), (#""é日本👍""#, "é日本👍"),
        (#""\u00e9\ud83d\udc4d\u2028\"\\\/\b\f\n\r\t""#, "é👍\u{2028}\"\\/\u{08}\u{0C}\n\r\t"),
        (#""\ud800""#, "\u{FFFD}"), (#""\ud800x\udc00""#, "\u{FFFD}x\u{FFFD}"), (#""\ud800\u0041""#, "\u{FFFD}A"),
        (#""\u0000""#, "\u{0}"), ("[]", []), ("[1,[2],{}]", [1, [2], [:]]),
        (#"{"a":1,"b":{"c":null}}"#, ["a": 1, "b": ["c": nil]]),
    ]

    @Test(arguments: texts)
    func parses(text: String, value: JSONTree) throws {
        #expect(try JSONTree(parsing: text) == value)
    }

    @Test(arguments: texts)
    func survivesTheRoundTrip(text: String, value: JSONTree) throws {
        #expect(try JSONTree(parsing: value.description) == value)
    }

    @Test(arguments: [
        "", " ", "nul", "tru", "+1", "01", "1.", ".5", "1e", "-", "\"", "\"\\", "\"\\x\"", "\"\\u12\"", "\"\\u12g4\"",
        "\"\n\"",
        "[", "[1", "[1,", "[1,]", "[1 2]", "{", "{1:2}", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "1 2", "[]]", "NaN",
        "Infinity",
    ])
    func refuses(text: String) {
        #expect(throws: JSONParseError.self) { try JSONTree(parsing: text) }
    }

    @Test func refusesExcessiveDepth() throws {
        let depth = JSONScanner.maximumDepth
        let text = { (depth: Int) in String(repeating: "[", count: depth) + String(repeating: "]", count: depth) }
        _ = try JSONTree(parsing: text(depth))
        #expect(throws: JSONParseError.self) { try JSONTree(parsing: text(depth + 1)) }
    }

    @Test func comparesCodePointsNotCharacters() {
        #expect(JSONTree.string("\u{E9}") != JSONTree.string("e\u{301}"))
        #expect(["\u{E9}": 1] as JSONTree != ["e\u{301}": 1] as JSONTree)
        #expect(["a": 1, "b": 2] as JSONTree == ["b": 2.0, "a": 1] as JSONTree)
    }

    @Test func `a number loses no digits`() throws {
        for text in ["18446744073709551615", "123456789012345678901234567890", "1.50", "1E+400", "-0"] {
            #expect(try JSONTree(parsing: text).description == text)
        }
        #expect(try JSONTree(parsing: "18446744073709551615").integer(as: UInt64.self) == .max)
        #expect(try JSONTree(parsing: "18446744073709551616").integer(as: UInt64.self) == nil)
        #expect(try JSONTree(parsing: "18446744073709551615").integer == nil)
        #expect(try JSONTree(parsing: "5.0").integer(as: UInt64.self) == 5)
        #expect(try JSONTree(parsing: "5.5").integer(as: UInt64.self) == nil)
        #expect(try JSONTree(parsing: "-1").integer(as: UInt64.self) == nil)
        #expect(try JSONTree(parsing: "9007199254740993") != JSONTree(parsing: "9007199254740992.0"))
        #expect(JSONTree.double(.infinity) == .null)
    }

    @Test(arguments: [("{\"a\":nul}", 5), ("[1,]", 3), ("", 0), ("1 2", 2)])
    func `a fault is told by its place`(text: String, offset: Int) {
        #expect(throws: JSONParseError(offset: offset)) { try JSONTree(parsing: text) }
    }

    /// The tree and the scanner accept the same texts.
    @Test func `the tree accepts valid JSON`() {
        for text in JSONTextTests.valid { #expect(throws: Never.self) { try JSONTree(parsing: text) } }
        for text in JSONTextTests.invalid { #expect(throws: JSONParseError.self) { try JSONTree(parsing: text) } }
    }

    @Test func randomBytesDoNotCrash() {
        var random = SplitMix64.announced()
        for _ in 0..<20_000 {
            let alphabet = Array(#"{}[]",:\u0123abcdefntrl.-+eE "#.utf8)
            let bytes = (0..<Int.random(in: 0..<40, using: &random)).map { _ in
                Bool.random(using: &random) ? alphabet.randomElement(using: &random) ?? 0 : UInt8(random.next() & 0xFF)
            }
            _ = bytes.withUnsafeBytes { try? JSONTree(parsing: $0) }
        }
    }
}
