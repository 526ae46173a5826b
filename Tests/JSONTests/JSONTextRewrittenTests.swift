import JSON
import TestSupport
import Testing

@Suite struct JSONTextRewrittenTests {
    static let rewritten: [(json: String, text: String)] = [
        ("null", "null"), (" true ", "true"), ("\n[\t]\r", "[]"), ("{ }", "{}"), ("[ [ ] , { } ]", "[[],{}]"),
        ("[ 1 , 2 ]", "[1,2]"),
        (#"{ "b" : 1 , "a" : [ null , { "c" : false } ] }"#, #"{"b":1,"a":[null,{"c":false}]}"#),
        // Numbers stay unchanged.
        ("-0", "-0"), ("1.50", "1.50"), ("1E+05", "1E+05"), ("0.1e-7", "0.1e-7"),
        ("123456789012345678901234567890", "123456789012345678901234567890"),
        // Duplicate members stay.
        (#"{"a":1,"a":2}"#, #"{"a":1,"a":2}"#), (#"{"":{}}"#, #"{"":{}}"#),
        // Minimal escapes, in names too.
        (#""\u0041\u00e9\/""#, #""Aé/""#), (#""\ud83d\ude00""#, #""😀""#), (#""\u0022\u005c""#, #""\"\\""#),
        (#""\u0008\u000c\u000a\u000d\u0009""#, #""\b\f\n\r\t""#), (#""\u0000\u001F""#, #""\u0000\u001f""#),
        ("\"\u{85}\u{2028}\u{2029}\"", #""\u0085\u2028\u2029""#), (#""\u007f""#, "\"\u{7F}\""),
        (#"{"\u0061\/\u2028":"x"}"#, #"{"a/\u2028":"x"}"#), (#""  a  ,  b  ""#, #""  a  ,  b  ""#),
        (#"["\ud83d","\ude00x"]"#, "[\"\u{FFFD}\",\"\u{FFFD}x\"]"),
    ]

    @Test(arguments: rewritten)
    func aValueIsWrittenAsARealNodeWritesIt(json: String, text: String) throws {
        let bytes = try #require(JSONText.rewritten(Array(json.utf8)))
        #expect(String(decoding: bytes, as: UTF8.self) == text)
        #expect(JSONText.rewritten(bytes) == bytes)
    }

    @Test(arguments: JSONTextTests.invalid)
    func whatIsNoJSONIsNotRewritten(text: String) {
        #expect(JSONText.rewritten(Array(text.utf8)) == nil)
    }

    @Test(arguments: JSONTextTests.malformedUTF8)
    func malformedUTF8IsNotRewritten(bytes: [UInt8]) {
        #expect(JSONText.rewritten([0x22] + bytes + [0x22]) == nil)
    }

    @Test func depthIsBounded() {
        func nested(_ depth: Int, _ open: String, _ close: String) -> [UInt8] {
            Array((String(repeating: open, count: depth) + "1" + String(repeating: close, count: depth)).utf8)
        }
        #expect(JSONText.rewritten(nested(64, " [ ", " ] ")) == nested(64, "[", "]"))
        #expect(JSONText.rewritten(nested(64, #"{ "a" : "#, "}")) == nested(64, #"{"a":"#, "}"))
        #expect(JSONText.rewritten(nested(65, "[", "]")) == nil)
        #expect(JSONText.rewritten(nested(65, #"{"a":"#, "}")) == nil)
        #expect(JSONText.rewritten(nested(500_000, "[", "]")) == nil)
    }

    /// Pairs of values: with redundant white space and escapes, and the expected result.
    @Test func onlyRedundantPartsAreRemoved() {
        var random = SplitMix64.announced()
        for _ in 0..<5_000 {
            var value = RandomValue()
            value.append(depth: 0, using: &random)
            let bytes = JSONText.rewritten(Array(value.lavish.utf8))
            if bytes != Array(value.plain.utf8) {
                Issue.record("\(value.lavish) became \(bytes.map { String(decoding: $0, as: UTF8.self) } ?? "nothing")")
                return
            }
        }
    }

    @Test func rewritingIsIdempotent() async {
        var random = SplitMix64.announced()
        let alphabet = Array(#"[]{},:"\u0aet1-+.E "#.utf8)
        for _ in 0..<50_000 {
            await Task.yield()
            guard var json = JSONTextTests.valid.randomElement(using: &random).map({ Array($0.utf8) }) else { return }
            for _ in 0..<Int.random(in: 0...2, using: &random) where !json.isEmpty {
                json[Int.random(in: json.indices, using: &random)] = alphabet.randomElement(using: &random) ?? 0
            }
            let once = JSONText.rewritten(json)
            if (once != nil) != JSONText.isJSON(json) || once.flatMap({ JSONText.rewritten($0) }) != once {
                Issue.record("\(String(decoding: json, as: UTF8.self))")
            }
        }
    }
}

private struct RandomValue {
    var lavish = ""
    var plain = ""

    mutating func append(depth: Int, using random: inout SplitMix64) {
        space(using: &random)
        switch Int.random(in: 0...(depth < 4 ? 5 : 3), using: &random) {
        case 0: both(["null", "true", "false"].randomElement(using: &random) ?? "null")
        case 1: both(["0", "-1", "2.50", "1e3", "-0.1E-9"].randomElement(using: &random) ?? "0")
        case 2, 3: string(using: &random)
        case 4: list("[", "]", depth: depth, using: &random)
        default: list("{", "}", depth: depth, using: &random)
        }
        space(using: &random)
    }

    private mutating func list(_ open: String, _ close: String, depth: Int, using random: inout SplitMix64) {
        both(open)
        space(using: &random)
        for index in 0..<Int.random(in: 0...3, using: &random) {
            if index > 0 { both(",") }
            if open == "{" {
                space(using: &random)
                string(using: &random)
                space(using: &random)
                both(":")
            }
            append(depth: depth + 1, using: &random)
        }
        both(close)
    }

    private mutating func string(using random: inout SplitMix64) {
        both("\"")
        for _ in 0..<Int.random(in: 0...4, using: &random) {
            let (escapes, character) =
                [
                    (["a", #"\u0061"#], "a"), (["/", #"\/"#, #"\u002f"#], "/"), ([#"\""#, #"\u0022"#], #"\""#),
                    ([#"\n"#, #"\u000A"#], #"\n"#), (["é", #"\u00e9"#, #"\u00E9"#], "é"),
                    (["😀", #"\ud83d\ude00"#], "😀"), ([#"\u2028"#, "\u{2028}"], #"\u2028"#),
                    ([" , [ ] "], " , [ ] "),
                ].randomElement(using: &random) ?? ([], "")
            lavish += escapes.randomElement(using: &random) ?? ""
            plain += character
        }
        both("\"")
    }

    private mutating func space(using random: inout SplitMix64) {
        if Bool.random(using: &random) { lavish += [" ", "\n", "\t ", "\r\n"].randomElement(using: &random) ?? "" }
    }

    private mutating func both(_ text: String) {
        lavish += text
        plain += text
    }
}
