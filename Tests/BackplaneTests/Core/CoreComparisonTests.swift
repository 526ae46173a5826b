import Backplane
import Testing

/// The same message in both protocols: compared, and converted in both directions.
@Suite struct CoreComparisonTests {
    /// JSON, MessagePack, the result of the comparison, and why converting the JSON to MessagePack and back fails.
    static let rows: [(json: String, hex: String, agreement: CoreAgreement)] = [
        ("null", "c0", .same), ("null", "00", .different(.argument(0))), ("1", "c0", .different(.argument(0))),
        ("true", "c3", .same), ("false", "c2", .same), ("true", "c2", .different(.argument(0))),
        ("false", "c3", .different(.argument(0))), ("true", "01", .different(.argument(0))),
        ("1", "c3", .different(.argument(0))),
        ("1", "01", .same), ("1", "d200000001", .same), ("1", "02", .different(.argument(0))), ("-33", "d0df", .same),
        ("1.0", "01", .same), ("1", "cb3ff0000000000000", .same), ("1.5", "cb3ff8000000000000", .same),
        ("1.1", "ca3f8ccccd", .same), ("1.1", "cb3ff199999999999a", .same), ("1.1", "01", .different(.argument(0))),
        ("1.2", "ca3f8ccccd", .different(.argument(0))), ("1e2", "64", .same), ("-0", "cb8000000000000000", .same),
        ("18446744073709551615", "cfffffffffffffffff", .same), ("18446744073709551615", "ff", .different(.argument(0))),
        ("-9223372036854775808", "d38000000000000000", .same), ("9223372036854775807", "cf7fffffffffffffff", .same),
        ("9007199254740993", "cf0020000000000001", .same),
        ("9007199254740992", "cf0020000000000001", .different(.argument(0))),
        (#""a""#, "a161", .same), (#""\u0061""#, "a161", .same), (#""a""#, "a162", .different(.argument(0))),
        (#""e\u0301""#, "a2c3a9", .different(.argument(0))), (#""""#, "a0", .same),
        ("[]", "90", .same), ("[1,[2,null]]", "920192 02c0", .same), ("[1,2]", "920102", .same),
        ("[1,2]", "9101", .different(.argument(0))), ("[1]", "920101", .different(.argument(0))),
        ("[1,3]", "920102", .different(.argument(0))), (#""AAH/""#, "c4030001ff", .incomparable(.argument(0), .bytes)),
        ("[1,2]", "c4020102", .incomparable(.argument(0), .bytes)),
        (#""2024-01-02""#, "d6ff65937d25", .incomparable(.argument(0), .date)),
        (#"{"name":1}"#, "81a44e616d6501", .incomparable(.argument(0), .object)),
        (#"{"name":1}"#, "9101", .incomparable(.argument(0), .object)),
        ("2", "a354776f", .incomparable(.argument(0), .type)),
        (#""x""#, "05", .incomparable(.argument(0), .type)), (#""x""#, "920102", .incomparable(.argument(0), .type)),
        ("1", "d40501", .incomparable(.argument(0), .ext)), ("true", "d40501", .incomparable(.argument(0), .ext)),
        (#"{"a":[1]}"#, "c7036301 0203", .incomparable(.argument(0), .compressed)),
        (#""long""#, "92c70162 01c40102", .incomparable(.argument(0), .compressed)),
        ("null", "c7036301 0203", .incomparable(.argument(0), .compressed)),
        // A difference outweighs an argument that cannot be compared.
        (#"[{"a":1},1]"#, "9281a14101 02", .different(.argument(0))),
        (#"[{"a":1},1]"#, "9281a14101 01", .incomparable(.argument(0), .object)),
    ]

    @Test(arguments: rows) func framesAreComparedByTheirArguments(json: String, hex: String, agreement: CoreAgreement)
        throws
    {
        #expect(try compare(json: "[\(json)]", "91" + hex) == agreement, "\(json) \(hex)")
        let second: CoreAgreement =
            switch agreement {
            case .same: .same
            case .incomparable(_, let reason): .incomparable(.argument(1), reason)
            case .different: .different(.argument(1))
            }
        #expect(try compare(json: "[0,\(json),true]", "9300" + hex + "c3") == second, "\(json) \(hex)")
    }

    @Test func allOtherFieldsAreComparedToo() throws {
        func compare(_ json: String, _ hex: String) throws -> CoreAgreement? {
            try agreement(json + "\u{1E}", hex)
        }
        let json = #"{"type":1,"target":"A","arguments":[]}"#
        #expect(try compare(json, "960180c0a1419090") == .same)
        #expect(try compare(json, "950180c0a14190") == .same)
        #expect(try compare(json, "960180c0a1429090") == .different(.target))
        #expect(try compare(json, "960180a131a1419090") == .different(.message))
        #expect(try compare(json, "960480a131a1419090") == .different(.message))
        #expect(try compare(json, "960180c0a141910090") == .different(.argumentCount))
        #expect(try compare(json, "960180c0a1419091a173") == .different(.streamIDs))
        #expect(try compare(json, "960181a161a162c0a1419090") == .different(.headers))
        #expect(try compare(#"{"type":3,"invocationId":"1","result":2}"#, "950380a1310302") == .same)
        #expect(try compare(#"{"type":3,"invocationId":"1","result":2}"#, "950380a1310303") == .different(.result))
        #expect(try compare(#"{"type":3,"invocationId":"1","result":2}"#, "940380a13102") == .different(.result))
        #expect(try compare(#"{"type":3,"invocationId":"1","error":"e"}"#, "950380a13101a165") == .same)
        #expect(try compare(#"{"type":3,"invocationId":"1","error":"e"}"#, "950380a13101a166") == .different(.message))
    }

    private func compare(json: String, _ hex: String) throws -> CoreAgreement? {
        try agreement(#"{"type":1,"target":"T","arguments":"# + json + "}\u{1E}", "960180c0a154" + hex + "90")
    }

    private func agreement(_ json: String, _ hex: String) throws -> CoreAgreement? {
        let message = unfolded(hex.replacing(" ", with: ""))
        let invocation = CoreInvocation(
            frames: [
                .init(protocolName: "json", bytes: Array(json.utf8)),
                .init(protocolName: "messagepack", bytes: CoreFrameConversion.length(message.count) + message),
            ])
        return try invocation.encoded().withUnsafeBytes { try CoreInvocationView($0).agreement() }
    }

    // MARK: - Conversion

    @Test(arguments: [
        ("null", "c0"), ("true", "c3"), ("false", "c2"), ("0", "00"), ("-5", "fb"), ("300", "cd012c"),
        ("-129", "d1ff7f"),
        ("18446744073709551615", "cfffffffffffffffff"), ("-9223372036854775808", "d38000000000000000"),
        ("3.5", "cb400c000000000000"), ("0.1", "cb3fb999999999999a"), ("-0.0", "cb8000000000000000"), ("\"\"", "a0"),
        ("\"ünï ☃\"", "a9c3bc6ec3af20e29883"), (#""a\"\\\n""#, "a461225c0a"), ("[]", "90"),
        ("[1,[\"a\",null]]", "92 01 92 a161 c0"),
        (
            "\"0123456789012345678901234567890123456789\"",
            "d928" + "30313233343536373839303132333435363738393031323334353637383930313233343536373839"
        ),
    ])
    func valuesConvertBothWays(json: String, hex: String) {
        let (text, packed) = frames(json, hex)
        #expect(convert(text, .json) == .success(packed), "\(json)")
        #expect(convert(packed, .messagePack) == .success(text), "\(json)")
        #expect(convert(text, .json, allowUntyped: true) == .success(packed))
    }

    @Test(
        arguments: [
            ("{\"a\":1}", CoreConversionError.Reason.object, "81a16101"),
            ("\"2024-01-02T03:04:05Z\"", .date, "b4323032342d30312d30325430333a30343a30355a"),
            (
                "\"2024-01-02T03:04:05.123+02:00\"", .date,
                "bd323032342d30312d30325430333a30343a30352e3132332b30323a3030"
            ),
            ("18446744073709551616", .number, "cb43f0000000000000"),
            ("0.1000000000000000055", .number, "cb3fb999999999999a"),
            ("1e999", .number, nil), ("[[{}]]", .object, "919180"),
        ] as [(String, CoreConversionError.Reason, String?)])
    func whatMessagePackHasNoEqualForIsRefused(json: String, reason: CoreConversionError.Reason, untyped: String?) {
        let (text, packed) = frames(json, untyped ?? "c0")
        guard case .failure(let error) = convert(text, .json) else { return #expect(Bool(false), "\(json) converts") }
        #expect(error.reason == reason && error.offset >= 35 && error.offset < text.count)
        #expect(convert(text, .json, allowUntyped: true) == (untyped == nil ? .failure(error) : .success(packed)))
    }

    @Test(
        arguments: [
            ("81a16101", CoreConversionError.Reason.object, "{\"a\":1}"), ("c4030001ff", .bytes, "\"AAH/\""),
            ("d6ff65937d25", .date, "\"2024-01-02T03:04:05Z\""), ("cb7ff8000000000000", .number, "\"NaN\""),
            ("ca7f800000", .number, "\"Infinity\""), ("d40501", .ext, nil), ("c70363010203", .compressed, nil),
            ("92c7016201c40102", .compressed, nil), ("9181a161c40101", .object, "[{\"a\":\"AQ==\"}]"),
            ("8190c0", .object, nil),
            ("8101c0", .object, "{\"1\":null}"), ("(91*70)c0", .tooDeep, nil),
        ] as [(String, CoreConversionError.Reason, String?)])
    func whatJSONHasNoEqualForIsRefused(hex: String, reason: CoreConversionError.Reason, untyped: String?) {
        let (text, packed) = frames(untyped ?? "null", hex)
        guard case .failure(let error) = convert(packed, .messagePack) else {
            return #expect(Bool(false), "\(hex) converts")
        }
        #expect(error.reason == reason && error.offset < packed.count)
        guard untyped == nil else {
            #expect(convert(packed, .messagePack, allowUntyped: true) == .success(text))
            return
        }
        guard case .failure(let second) = convert(packed, .messagePack, allowUntyped: true) else {
            return #expect(Bool(false), "\(hex) converts")
        }
        #expect(second.reason == reason && second.offset >= error.offset)
    }

    @Test(arguments: [
        (
            #"{"type":1,"headers":{"a":"b"},"invocationId":"7","target":"A","arguments":[],"streamIds":["s"]}"#,
            "960181a161a162a137a1419091a173"
        ),
        (#"{"type":2,"invocationId":"9","item":0}"#, "940280a13900"),
        (#"{"type":3,"invocationId":"9"}"#, "940380a13902"),
        (#"{"type":3,"invocationId":"9","result":null}"#, "950380a13903c0"),
        (#"{"type":3,"invocationId":"9","error":"no"}"#, "950380a13901a26e6f"),
        (#"{"type":4,"invocationId":"9","target":"A","arguments":[1]}"#, "960480a139a141910190"),
    ])
    func messagesConvertBothWays(json: String, hex: String) {
        let text = Array((json + "\u{1E}").utf8)
        let message = unfolded(hex)
        let packed = CoreFrameConversion.length(message.count) + message
        #expect(convert(text, .json) == .success(packed))
        #expect(convert(packed, .messagePack) == .success(text))
        #expect(convert(text + text, .json) == .success(packed + packed))
    }

    @Test func messagesNotSentThroughTheBackplaneAreRefused() {
        #expect(convert(Array("{\"type\":6}\u{1E}".utf8), .json) == .failure(CoreConversionError(.messageType, at: 0)))
        #expect(convert([2, 0x91, 6], .messagePack) == .failure(CoreConversionError(.messageType, at: 0)))
        #expect(convert([0x7B], .json) == .failure(CoreConversionError(.malformed, at: 1)))
        #expect(convert([], .json) == .success([]))
    }

    @Test func aLongMessageHasALongLength() {
        let (text, packed) = frames("\"" + String(repeating: "x", count: 70_000) + "\"", "db00011170" + "(78*70000)")
        #expect(packed.starts(with: [0xFD, 0xA2, 0x04]))
        #expect(convert(text, .json) == .success(packed))
        #expect(convert(packed, .messagePack) == .success(text))
    }

    private func frames(_ json: String, _ hex: String) -> (json: [UInt8], messagePack: [UInt8]) {
        let text = Array((#"{"type":1,"target":"T","arguments":["# + json + "]}\u{1E}").utf8)
        let message = unfolded("960180c0a154" + "91" + hex.replacing(" ", with: "") + "90")
        return (text, CoreFrameConversion.length(message.count) + message)
    }
}
