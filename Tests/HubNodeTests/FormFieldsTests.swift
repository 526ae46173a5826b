import TestSupport
import Testing

@testable import HubNode

@Suite("Form fields")
struct FormFieldsTests {
    private static let values: [(encoded: String, name: String, value: String?)] = [
        ("", "a", nil),
        ("a=1", "a", "1"),
        ("a=1&b=2", "b", "2"),
        ("a=1", "b", nil),
        // Names ignore case; their escapes are decoded too.
        ("ConnectionToken=t", "connectionToken", "t"),
        ("connectiontoken=t", "CONNECTIONTOKEN", "t"),
        ("connection%54oken=t", "connectionToken", "t"),
        ("%c3%89=t", "é", "t"),
        // Several values are joined.
        ("a=1&a=2", "a", "1,2"),
        ("a=1&A=2&a", "a", "1,2,"),
        ("a=&a=2", "a", ",2"),
        // Missing and empty are equivalent.
        ("a=", "a", nil), ("a", "a", nil), ("=1", "a", nil), ("&&a=1&&", "a", "1"),
        // Only the first equals sign separates.
        ("a=b=c", "a", "b=c"), ("a==", "a", "="),
        // Plus and percent.
        ("a=one+two", "a", "one two"),
        ("a=one%20two", "a", "one two"),
        ("a=one%2Btwo", "a", "one+two"),
        ("a=one%2btwo", "a", "one+two"),
        ("a=%41%4a%4A", "a", "AJJ"),
        ("a=%26%3D%25", "a", "&=%"),
        ("data=%7B%22H%22%3A%22chatHub%22%7D", "data", #"{"H":"chatHub"}"#),
        ("a=%E6%97%A5%E6%9C%AC", "a", "日本"),
        ("a=日本", "a", "日本"),
        ("a=%00", "a", "\u{0}"),
        // Decoded text is not decoded again.
        ("a=%2525", "a", "%25"), ("a=%252B", "a", "%2B"),
        // Malformed escapes stay unchanged.
        ("a=%", "a", "%"), ("a=%4", "a", "%4"), ("a=%zz", "a", "%zz"), ("a=%4g", "a", "%4g"), ("a=%g4", "a", "%g4"),
        ("a=%%41", "a", "%A"), ("a=%4%41", "a", "%4A"), ("a=100%&b=1", "a", "100%"), ("a=%+1", "a", "% 1"),
        ("a=%u0041", "a", "%u0041"),
        // Not UTF-8.
        ("a=%FF", "a", "\u{FFFD}"), ("a=x%E6%97y", "a", "x\u{FFFD}y"), ("a=%C0%AF", "a", "\u{FFFD}\u{FFFD}"),
    ]

    @Test("a field has its decoded value", arguments: values)
    func value(encoded: String, name: String, value: String?) {
        #expect(FormFields(encoded)[name] == value)
    }

    private static let targets: [(uri: String, path: String, query: FormFields)] = [
        ("/signalr/ping", "/signalr/ping", FormFields()),
        ("/signalr/ping?", "/signalr/ping", FormFields()),
        ("/signalr/ping?a=1", "/signalr/ping", FormFields("a=1")),
        ("/signalr/ping?a=1?b=2", "/signalr/ping", FormFields("a=1?b=2")),
        ("?a=1", "", FormFields("a=1")),
        ("", "", FormFields()),
    ]

    @Test("a target is split at its first question mark", arguments: targets)
    func split(uri: String, path: String, query: FormFields) {
        let divided = FormFields.split(uri: uri)
        #expect(divided.path == path)
        #expect(divided.query == query)
    }

    @Test("percent-encoding round-trips")
    func roundTrip() {
        var random = SplitMix64.announced()
        for _ in 0..<2_000 {
            let scalars = (0..<Int.random(in: 1...20, using: &random)).compactMap { _ in
                Unicode.Scalar(UInt32.random(in: 0...0x2FFF, using: &random))
            }
            let text = String(String.UnicodeScalarView(scalars))
            let encoded = text.utf8.map { byte in
                let digits = String(byte, radix: 16, uppercase: Bool.random(using: &random))
                return "%" + (digits.count == 1 ? "0" : "") + digits
            }.joined()
            let value = FormFields("before=1&a=\(encoded)&after=2")["a"] ?? ""
            if !value.unicodeScalars.elementsEqual(text.unicodeScalars) { Issue.record("\(encoded) became \(value)") }
        }
    }

    @Test("random bytes do not crash")
    func randomBytes() {
        var random = SplitMix64.announced()
        let alphabet = Array("%%%&&==++aA1fF0?".utf8)
        for _ in 0..<20_000 {
            var bytes = random.bytes(Int.random(in: 0...40, using: &random))
            for index in bytes.indices where Bool.random(using: &random) {
                bytes[index] = alphabet.randomElement(using: &random) ?? 0
            }
            let encoded = String(decoding: bytes, as: UTF8.self)
            // The first field is unaffected by the rest, and no missing field appears.
            let fields = FormFields("first=1&x" + encoded)
            if fields["first"] != "1" || fields["a name that is not there"] != nil { Issue.record("\(bytes)") }
        }
    }
}
