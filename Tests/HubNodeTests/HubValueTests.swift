import Foundation
import Testing

@testable import HubNode

@Suite("Hub values")
struct HubValueTests {
    struct Order: Codable, HubValue, Equatable {
        var item: String
        var count: Int?
    }

    private func decode<Value: HubValue>(_ type: Value.Type, _ json: String) throws -> Value {
        try Value(json: Array(json.utf8))
    }

    // MARK: - Strings

    private static let strings: [(value: String, json: String)] = [
        ("", #""""#), ("hello 日本 <&>'/", #""hello 日本 <&>'/""#), ("\"\\", #""\"\\""#),
        ("\u{8}\u{C}\n\r\t", #""\b\f\n\r\t""#), ("\u{0}\u{1}\u{B}\u{1F}", #""\u0000\u0001\u000b\u001f""#),
        ("\u{7F}", "\"\u{7F}\""), ("\u{85}", #""\u0085""#), ("\u{2028}\u{2029}", #""\u2028\u2029""#),
        ("\u{84}\u{86}\u{2027}\u{202A}", "\"\u{84}\u{86}\u{2027}\u{202A}\""), ("😀", "\"😀\""),
        ("e\u{301}", "\"e\u{301}\""),
    ]

    @Test("strings are escaped like on a real node", arguments: strings)
    func string(value: String, json: String) throws {
        #expect(text(value.json()) == json)
        #expect(try decode(String.self, json) == value)
    }

    private static let escapes: [(json: String, value: String)] = [
        (#""\u0041\u00e9\u00E9""#, "Aéé"), (#""\/""#, "/"), (#""\ud83d\ude00""#, "😀"), (#" "a" "#, "a"),
        (#""\ud83d""#, "\u{FFFD}"), (#""\ude00""#, "\u{FFFD}"), (#""\ude00\ud83d""#, "\u{FFFD}\u{FFFD}"),
        (#""a\ud83dz""#, "a\u{FFFD}z"), (#""\ud83d\ud83d\ude00""#, "\u{FFFD}😀"), (#""\ud83d\u0041""#, "\u{FFFD}A"),
    ]

    @Test("escapes are decoded; lone surrogates become U+FFFD", arguments: escapes)
    func decodes(json: String, value: String) throws {
        #expect(try decode(String.self, json) == value)
    }

    @Test(
        "nothing else is a string", arguments: ["null", "[]", "{}", "", "a", #""a"#, #""\x""#, "1x"])
    func noString(json: String) {
        #expect(throws: HubValueError.notAString) { try decode(String.self, json) }
    }

    @Test("an unquoted value becomes its text, like on a real node")
    func scalarsAsText() throws {
        for text in ["1", "-2.50", "1E+300", "true", "false"] { #expect(try decode(String.self, text) == text) }
    }

    // MARK: - Other types

    @Test("texts are converted to numbers and booleans and vice versa, like on a real node")
    func converted() throws {
        #expect(try decode(Int.self, #""7""#) == 7)
        #expect(try decode(Int.self, #"" +7\t""#) == 7)
        #expect(try decode(Double.self, #""1.5""#) == 1.5)
        #expect(try decode(Double.self, #""1,000""#) == 1_000)
        #expect(try decode(Double.self, #""NaN""#).isNaN)
        #expect(try decode(Bool.self, "1"))
        #expect(try !decode(Bool.self, "0.0"))
        #expect(try decode(Bool.self, #"" TRUE ""#))
        #expect(try decode(Int?.self, #""7""#) == 7)
        #expect(try decode(Int?.self, #""""#) == nil)
        #expect(try decode(String?.self, #""""#) == "")
        #expect(try decode([Int].self, #"["1",2]"#) == [1, 2])
        #expect(try decode([String: String].self, #"{"a":1}"#) == ["a": "1"])
        #expect(text(2.0.json()) == "2.0")
        #expect(text(1e300.json()) == "1E+300")
        #expect(text(Double.nan.json()) == #""NaN""#)
        for json in ["null", "true", #""x""#, #""""#, "[]", "{}"] {
            #expect(throws: HubValueError.self) { try decode(Int.self, json) }
            #expect(throws: HubValueError.self) { try decode(Double.self, json) }
        }
        for json in ["null", #""yes""#, #""""#, "[]", "{}"] {
            #expect(throws: HubValueError.self) { try decode(Bool.self, json) }
        }
    }

    @Test("numbers and booleans")
    func scalars() throws {
        #expect(try decode(Int.self, "-7") == -7)
        #expect(try decode(Int.self, "9223372036854775807") == .max)
        #expect(try decode(Double.self, "1.5e3") == 1_500)
        #expect(try decode(Double.self, "2") == 2)
        #expect(try decode(Bool.self, "true"))
        #expect(text((-7).json()) == "-7")
        #expect(text(1.5.json()) == "1.5")
        #expect(text(false.json()) == "false")
    }

    @Test("lists and dictionaries of values")
    func collections() throws {
        #expect(try decode([Int].self, "[1, 2]") == [1, 2])
        #expect(try decode([String: [Int]].self, #"{"a":[1],"b":[]}"#) == ["a": [1], "b": []])
        #expect(text(try [1, 2].json()) == "[1,2]")
        #expect(text(try ["a/b\"", "\u{2028}"].json()) == #"["a/b\"","\u2028"]"#)
        #expect(text(try ["a": [1]].json()) == #"{"a":[1]}"#)
        #expect(text(try [String]().json()) == "[]")
    }

    @Test("null is a missing value")
    func optionals() throws {
        #expect(try decode(String?.self, "null") == nil)
        #expect(try decode(String?.self, #""null""#) == "null")
        #expect(try decode(Int?.self, "7") == 7)
        #expect(text(try String?.none.json()) == "null")
        #expect(text(try Int?(7).json()) == "7")
    }

    @Test("Codable types need only the conformance")
    func codable() throws {
        #expect(try decode(Order.self, #"{"item":"tea","count":2,"extra":0}"#) == Order(item: "tea", count: 2))
        #expect(try decode(Order.self, #"{"item":"tea"}"#) == Order(item: "tea"))
        #expect(text(try Order(item: "t/\"\u{2029}").json()) == #"{"item":"t/\"\u2029"}"#)
        #expect(throws: (any Error).self) { try decode(Order.self, #"{"count":2}"#) }
    }

    @Test(
        "a value of another type is refused",
        arguments: [
            "null", #""7.0""#, "true", "[]", "{}", "1.5", "7.0", "9223372036854775808", "",
            "7 x".replacing(" ", with: ""),
        ])
    func noInt(json: String) {
        #expect(throws: (any Error).self) { try decode(Int.self, json) }
    }

    // MARK: - Any JSON

    private static let anything: [(json: String, text: String)] = [
        ("null", "null"), (" true ", "true"), ("1.50", "1.50"), ("-0", "-0"), ("1E+05", "1E+05"),
        ("123456789012345678901234567890", "123456789012345678901234567890"),
        (#""\u0041\/""#, #""A/""#), (#"{ "b" : [ 1 , 2 ] , "a" : { } }"#, #"{"b":[1,2],"a":{}}"#),
        (#"["\ud83d"]"#, "[\"\u{FFFD}\"]"), ("\"\u{2028}\"", #""\u2028""#),
    ]

    @Test("any JSON is accepted, and encoded like on a real node", arguments: anything)
    func anyJSON(json: String, text expected: String) throws {
        let value = try decode(JSONValue.self, json)
        #expect(text(value.json()) == expected)
        #expect(value == (try JSONValue(json: value.text)))
    }

    @Test("invalid JSON is refused", arguments: ["", " ", "nul", "[1,]", "{a:1}", "1 2", "'a'", #""a"#, "NaN"])
    func noJSON(json: String) {
        #expect(throws: HubValueError.notJSON) { try decode(JSONValue.self, json) }
    }

    @Test("malformed UTF-8 is refused")
    func malformedUTF8() {
        #expect(throws: HubValueError.notJSON) { try JSONValue(json: [0x22, 0xFF, 0x22]) }
    }
}

@Suite("Hub JSON")
struct HubJSONTests {
    private static let escaped: [(value: String, json: String)] = [
        ("", #"[""]"#), ("a/b", #"["a/b"]"#), ("<&>'", #"["<&>'"]"#), ("\"\\", #"["\"\\"]"#),
        ("\u{8}\u{C}\n\r\t", #"["\b\f\n\r\t"]"#), ("\u{0}\u{1F}", #"["\u0000\u001f"]"#), ("\u{7F}", "[\"\u{7F}\"]"),
        ("\u{85}", #"["\u0085"]"#), ("a\u{2028}b\u{2029}c", #"["a\u2028b\u2029c"]"#),
        ("\u{2028}\u{85}\u{2029}", #"["\u2028\u0085\u2029"]"#),
        // Neighbours of those three code points.
        ("\u{84}\u{86}\u{C5}\u{2027}\u{202A}\u{2068}", "[\"\u{84}\u{86}\u{C5}\u{2027}\u{202A}\u{2068}\"]"),
        ("日本 😀 é", #"["日本 😀 é"]"#),
    ]

    @Test("text is escaped like on a real node", arguments: escaped)
    func encode(value: String, json: String) throws {
        #expect(text(try HubJSON.encode([value])) == json)
        #expect(try HubJSON.decode([String].self, from: Array(json.utf8)) == [value])
    }

    @Test("keys are escaped too")
    func keys() throws {
        #expect(text(try HubJSON.encode(["a\u{2028}/": 1])) == #"{"a\u2028/":1}"#)
    }
}
