import JSON
import TestSupport
import Testing

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

    @Test func aStringCutAnywhereIsNone() {
        for example in Self.strings {
            let json = Array(example.json.utf8)
            let end = json.lastIndex(of: UInt8(ascii: "\"")) ?? 0
            for cut in 0...end where JSONText.string(Array(json[..<cut])) != nil {
                Issue.record("\(example.json) cut at \(cut)")
            }
        }
    }

    @Test func whatTheWriterWritesComesBack() {
        var random = SplitMix64.announced()
        for _ in 0..<10_000 {
            let scalars = (0..<Int.random(in: 0...12, using: &random)).compactMap { _ in
                // Mostly where something must be escaped.
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
