import JSON
import TestSupport
import Testing

@Suite struct JSONTextTests {
    static let valid: [String] = [
        "0", "-0", "1", "-1", "10", "1.5", "-0.25", "1e5", "1E+5", "1e-05", "0e0", "123456789012345678901234567890",
        "true", "false", "null", #""""#, #""a""#, #""\"\\\/\b\f\n\r\t\u00e9\uD83D""#, "\"\u{7F}漢😀\"",
        "[]", "{}", "[[]]", "[{}]", #"{"a":{}}"#, "[1,2]", #"{"a":1,"b":[true,{"c":null}]}"#, #"{"a":1,"a":2}"#,
        " \t\r\n[ 1 , 2 ] \t\r\n", "{ \"a\" : 1 }", "[[],{},[{}],\"\"]", #"{"":""}"#,
    ]

    @Test(arguments: valid)
    func jsonIsJSON(_ text: String) {
        #expect(JSONText.isJSON(Array(text.utf8)))
    }

    static let invalid: [String] = [
        "", " ", "01", "-", "+1", "1.", ".5", "1.e5", "1e", "1e+", "--1", "0x1", "1 2", "NaN", "Infinity", "-Infinity",
        "tru", "True", "nul", "truex", "nullnull", "'a'", "\"", "\"a", "a\"", #""\"#, #""\u"#, #""\u123"#, #""\u123""#,
        #""\u12G4""#, #""\a""#, #""\'""#, "\"\t\"", "\"\u{0}\"", "\"12345678\u{1F}\"",
        "[", "]", "[1", "[1,", "[,", "[,1]", "[1,]", "[1 2]", "[1}", "{", "}", "{]", #"{"a"}"#, #"{"a":}"#,
        #"{"a":1,}"#,
        #"{"a":1"#, #"{"a" 1}"#, "{a:1}", "{1:1}", #"{,"a":1}"#, #"{"a":1 "b":2}"#, #"{"a":1,2}"#, #"{"a":1]"#, "[:]",
        "[] []", "{}{}", "[]]", "[\"a\":1]", "\u{FEFF}[]", "\u{A0}[]", "// no\n[]", "[1]//",
    ]

    @Test(arguments: invalid)
    func nothingElseIs(_ text: String) {
        #expect(!JSONText.isJSON(Array(text.utf8)))
    }

    @Test func nestingIsBounded() {
        func nested(_ depth: Int) -> [UInt8] {
            Array(
                (String(repeating: #"[{"a":"#, count: depth / 2) + "1" + String(repeating: "}]", count: depth / 2)).utf8
            )
        }
        #expect(JSONText.isJSON(nested(64)))
        #expect(!JSONText.isJSON(nested(66)))
        #expect(!JSONText.isJSON([UInt8](repeating: UInt8(ascii: "["), count: 1_000_000)))
    }

    @Test func unescapedControlCharactersAreDetectedAnywhere() {
        for byte in UInt8(0)..<0x80 {
            for place in 0..<20 {
                var text = [UInt8](repeating: UInt8(ascii: "a"), count: 20)
                text[place] = byte
                let mayStand = byte >= 0x20 && byte != UInt8(ascii: "\"") && byte != UInt8(ascii: "\\")
                #expect(JSONText.isJSON([0x22] + text + [0x22]) == mayStand, "byte \(byte) at \(place)")
            }
        }
    }

    static let malformedUTF8: [[UInt8]] = [
        [0x80], [0xBF], [0xC0, 0x80], [0xC1, 0xBF], [0xC2], [0xC2, 0x41], [0xC2, 0xC2], [0xE0, 0x9F, 0xBF],
        [0xE0, 0xA0], [0xE2, 0x82, 0x41], [0xED, 0xA0, 0x80], [0xED, 0xBF, 0xBF], [0xF0, 0x8F, 0xBF, 0xBF],
        [0xF0, 0x9F, 0x98], [0xF0, 0x9F, 0x98, 0x41], [0xF4, 0x90, 0x80, 0x80], [0xF5, 0x80, 0x80, 0x80], [0xFE],
        [0xFF],
    ]

    @Test(arguments: malformedUTF8)
    func malformedUTF8IsNot(_ bytes: [UInt8]) {
        // At every position within the validator's words.
        for before in 0...16 {
            for after in [0, 1, 8] {
                let text = [UInt8](repeating: 0x61, count: before) + bytes + [UInt8](repeating: 0x61, count: after)
                #expect(!JSONText.isJSON([0x22] + text + [0x22]), "\(before) before, \(after) after")
            }
        }
    }

    static let scalars: [Unicode.Scalar] = [
        "\u{80}", "\u{7FF}", "\u{800}", "\u{FFF}", "\u{1000}", "\u{CFFF}", "\u{D000}", "\u{D7FF}", "\u{E000}",
        "\u{FFFF}", "\u{10000}", "\u{3FFFF}", "\u{40000}", "\u{FFFFF}", "\u{100000}", "\u{10FFFF}",
    ]

    @Test(arguments: scalars)
    func theEndsOfEachRangeOfUTF8Are(_ scalar: Unicode.Scalar) {
        #expect(JSONText.isJSON(Array("\"abc\(scalar)\(scalar)1234567890\(scalar)\"".utf8)))
    }

    @Test func itAgreesWithTheStandardLibraryAboutUTF8() async {
        var random = SplitMix64.announced()
        // Bytes at which the rules change.
        let notable: [UInt8] = [
            0x20, 0x7F, 0x80, 0x8F, 0x90, 0x9F, 0xA0, 0xBF, 0xC1, 0xC2, 0xDF, 0xE0, 0xE1, 0xEC, 0xED, 0xEE, 0xEF, 0xF0,
            0xF1,
            0xF3, 0xF4, 0xF5,
        ]
        for _ in 0..<100_000 {
            await Task.yield()
            let text = (0..<Int.random(in: 1...12, using: &random)).map { _ in
                notable.randomElement(using: &random) ?? 0
            }
            let isUTF8 = String(validating: text, as: UTF8.self) != nil
            if JSONText.isJSON([0x22] + text + [0x22]) != isUTF8 { Issue.record("\(text) is UTF-8: \(isUTF8)") }
        }
    }

    @Test func itAgreesWithTheReferenceAboutMutatedJSON() async {
        var random = SplitMix64.announced()
        let seeds = Self.valid + [#"{"H":"h","M":"m","A":[1,-2.5e3,"\u0041",[{"a":null}]]}"#]
        let alphabet = Array(#"[]{},:"\u0aet1-+.E "#.utf8)
        for _ in 0..<50_000 {
            await Task.yield()
            guard var text = seeds.randomElement(using: &random).map({ Array($0.utf8) }) else { return }
            for _ in 0..<Int.random(in: 1...3, using: &random) {
                guard let byte = alphabet.randomElement(using: &random) else { return }
                let place = Int.random(in: 0...text.count, using: &random)
                let end = min(text.count, place + Int.random(in: 0...1, using: &random))
                text.replaceSubrange(place..<end, with: [byte])
            }
            // A multi-byte character may be split.
            let expected = ReferenceJSON.accepts(text) && String(validating: text, as: UTF8.self) != nil
            if JSONText.isJSON(text) != expected {
                Issue.record("\(String(decoding: text, as: UTF8.self)) should be JSON: \(expected)")
            }
        }
    }
}

@Suite struct JSONTextStringTests {
    static let strings: [(json: String, text: String)] = [
        (#""""#, ""), (#""a""#, "a"), (#" "a" "#, "a"), ("\t\r\n\"a\"\n", "a"), (#""日本 😀""#, "日本 😀"),
        (#""\"\\\/\b\f\n\r\t""#, "\"\\/\u{8}\u{C}\n\r\t"), (#""\u0041\u00e9\u00E9\u65e5""#, "Aéé日"),
        (#""\u0000""#, "\u{0}"), ("\"\u{7F}\u{85}\u{2028}\"", "\u{7F}\u{85}\u{2028}"),
        (#""\ud83d\ude00""#, "😀"), (#""\uD83D\uDE00x""#, "😀x"), (#""\udbff\udfff""#, "\u{10FFFF}"),
        // Lone surrogates.
        (#""\ud83d""#, "\u{FFFD}"), (#""\ude00""#, "\u{FFFD}"), (#""\ud83dx""#, "\u{FFFD}x"),
        (#""\ude00\ud83d""#, "\u{FFFD}\u{FFFD}"), (#""\ud83d\ud83d\ude00""#, "\u{FFFD}😀"),
        (#""\ud83d\ude00\ude00""#, "😀\u{FFFD}"), (#""\ud83d\u0041""#, "\u{FFFD}A"), (#""\ud83d\n""#, "\u{FFFD}\n"),
        (#""\ud83d\\ude00""#, "\u{FFFD}\\ude00"), (#""\\ud83d""#, "\\ud83d"), (#""\ud7ff\ue000""#, "\u{D7FF}\u{E000}"),
    ]

    @Test(arguments: strings)
    func aStringIsDecoded(json: String, text: String) throws {
        let decoded = try #require(JSONText.string(Array(json.utf8)))
        #expect(decoded.unicodeScalars.elementsEqual(text.unicodeScalars), "\(decoded)")
    }

    static let others: [String] = [
        "", " ", "null", "1", "[]", "{}", #"["a"]"#, "a", "'a'", "\"", #""a"#, #"a""#, #""a"b"#, #""a""b""#,
        #""a","#, #""\x""#, #""\u12""#, #""\u12g4""#, #""\""#, "\"\n\"", "\"\u{0}\"", "\u{FEFF}\"a\"",
    ]

    @Test(arguments: others)
    func nothingElseIsOne(json: String) {
        #expect(JSONText.string(Array(json.utf8)) == nil)
    }

    @Test func aCutStringIsRejected() {
        for example in Self.strings {
            let json = Array(example.json.utf8)
            let end = json.lastIndex(of: UInt8(ascii: "\"")) ?? 0
            for cut in 0...end where JSONText.string(Array(json[..<cut])) != nil {
                Issue.record("\(example.json) cut at \(cut)")
            }
        }
    }

    @Test func writtenStringsRoundTrip() {
        var random = SplitMix64.announced()
        for _ in 0..<10_000 {
            let scalars = (0..<Int.random(in: 0...12, using: &random)).compactMap { _ in
                // Mostly characters that must be escaped.
                Unicode.Scalar(UInt32.random(in: 0...(Bool.random(using: &random) ? 0xA0 : 0x10FFFF), using: &random))
            }
            let text = String(String.UnicodeScalarView(scalars))
            var writer = JSONWriter()
            writer.string(text)
            guard JSONText.string(writer.bytes)?.unicodeScalars.elementsEqual(text.unicodeScalars) == true else {
                Issue.record("\(scalars) became \(String(decoding: writer.bytes, as: UTF8.self))")
                return
            }
        }
    }
}
