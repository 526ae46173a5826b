@testable import Loopback
@testable import SignalRClient
import TestSupport
import Testing

struct JSONValueTests {
    static let texts: [(String, JSONValue)] = [
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
    func parses(text: String, value: JSONValue) throws {
        #expect(try JSONParser.parse(text) == value)
    }

    @Test(arguments: texts)
    func survivesTheRoundTrip(text: String, value: JSONValue) throws {
        #expect(try JSONParser.parse(value.description) == value)
    }

    @Test(arguments: [
        "", " ", "nul", "tru", "+1", "01", "1.", ".5", "1e", "-", "\"", "\"\\", "\"\\x\"", "\"\\u12\"", "\"\\u12g4\"",
        "\"\n\"",
        "[", "[1", "[1,", "[1,]", "[1 2]", "{", "{1:2}", "{\"a\"}", "{\"a\":}", "{\"a\":1,}", "1 2", "[]]", "NaN",
        "Infinity",
    ])
    func refuses(text: String) {
        #expect(throws: JSONParseError.self) { try JSONParser.parse(text) }
    }

    @Test func refusesWhatIsTooDeep() throws {
        let depth = JSONParser.maximumDepth
        let text = { (depth: Int) in String(repeating: "[", count: depth) + String(repeating: "]", count: depth) }
        _ = try JSONParser.parse(text(depth))
        #expect(throws: JSONParseError.self) { try JSONParser.parse(text(depth + 1)) }
    }

    @Test func comparesCodePointsNotCharacters() {
        #expect(JSONValue.string("\u{E9}") != JSONValue.string("e\u{301}"))
        #expect(["\u{E9}": 1] as JSONValue != ["e\u{301}": 1] as JSONValue)
        #expect(["a": 1, "b": 2] as JSONValue == ["b": 2.0, "a": 1] as JSONValue)
    }

    @Test func randomBytesDoNotCrash() {
        var random = SplitMix64.announced()
        for _ in 0..<20_000 {
            let alphabet = Array(#"{}[]",:\u0123abcdefntrl.-+eE "#.utf8)
            let bytes = (0..<Int.random(in: 0..<40, using: &random)).map { _ in
                Bool.random(using: &random) ? alphabet.randomElement(using: &random) ?? 0 : UInt8(random.next() & 0xFF)
            }
            _ = bytes.withUnsafeBytes { try? JSONParser.parse($0) }
        }
    }
}
