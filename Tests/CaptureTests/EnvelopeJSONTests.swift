import Backplane
import Foundation
import JSON
import TestSupport
import Testing

@testable import Capture

@Suite struct EnvelopeJSONTests {
    private static let receivedAt: UInt64 = 1_795_383_660_000_000_500
    /// 0.25 s earlier.
    private static let ticks = DotNetTicks(unixNanoseconds: 1_795_383_659_750_000_500).rawValue

    private func line(_ payload: [UInt8], channel: String = "chat") -> String {
        var output = Array("before;".utf8)
        payload.withUnsafeBytes {
            EnvelopeJSON.append(payload: $0, channel: channel, receivedAt: Self.receivedAt, to: &output)
        }
        return String(decoding: output.dropFirst("before;".utf8.count), as: UTF8.self)
    }

    private func line(_ messages: [Message], ticks: Int64 = ticks) -> String {
        line(Envelope(id: 42, body: ScaleoutMessage(messages: messages, createdTicks: ticks)).encoded())
    }

    private func object(_ line: String) throws -> [String: Any] {
        #expect(!line.utf8.contains { $0 < 0x20 }, "an envelope must be one line")
        return try #require(try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: Any])
    }

    private func messages(_ line: String) throws -> [[String: Any]] {
        try #require(try object(line)["messages"] as? [[String: Any]])
    }

    private static let head =
        #"{"channel":"chat","id":42,"received_at":"2026-11-22T21:41:00.000000500Z","created_at":"2026-11-22T21:40:59.750000500Z","latency_ns":250000000,"messages":["#

    @Test func aHubCall() throws {
        let line = line([
            Message(
                source: "7391", key: "h-chatHub", value: Array(#"{"H":"chatHub","M":"send","A":["x",1]}"#.utf8),
                filter: "c-1|c-2")
        ])
        #expect(
            line == Self.head
                + #"{"source":"7391","key":"h-chatHub","kind":"hub","hub":"chatHub","method":"send","value":{"H":"chatHub","M":"send","A":["x",1]},"command":null,"wait_for_ack":false,"is_ack":false,"filter":"c-1|c-2"}]}"#
        )
        #expect(try messages(line).count == 1)
    }

    @Test func aCommandAndItsAck() throws {
        let line = line([
            Message(
                source: "a", key: "c-1", value: Array(#"{"CommandType":1}"#.utf8), commandID: "id-1", waitForAck: true),
            Message(source: "b", key: "__SIGNALR__SERVER__", value: [], commandID: "id-1", isAck: true),
        ])
        #expect(
            line == Self.head
                + #"{"source":"a","key":"c-1","kind":"command","value":{"CommandType":1},"command":"id-1","wait_for_ack":true,"is_ack":false,"filter":""},"#
                + #"{"source":"b","key":"__SIGNALR__SERVER__","kind":"ack","value":"","command":"id-1","wait_for_ack":false,"is_ack":true,"filter":""}]}"#
        )
        #expect(try messages(line).count == 2)
    }

    @Test func noMessages() throws {
        #expect(line([Message]()) == Self.head + "]}")
    }

    static let values: [([UInt8], String)] = [
        ([0xFF, 0x00, 0x7F], "/wB/"), (Array("not json".utf8), "bm90IGpzb24="), (Array("{\"a\":1".utf8), "eyJhIjox"),
    ]

    @Test(arguments: values) func aValueThatIsNotJSONIsBase64(value: [UInt8], base64: String) throws {
        #expect(try messages(line([Message(source: "", key: "h-a", value: value)]))[0]["value"] as? String == base64)
    }

    @Test(arguments: ["{\n  \"a\": [1,\r\n\t2]\n}", "\n1\n"])
    func whiteSpaceInAValueDoesNotBreakTheLine(_ value: String) throws {
        let messages = try messages(line([Message(source: "", key: "h-a", value: Array(value.utf8))]))
        let expected = try JSONSerialization.jsonObject(with: Data(value.utf8), options: .fragmentsAllowed)
        #expect((messages[0]["value"] as? NSObject) == (expected as? NSObject))
    }

    /// A call up to the depth limit stays JSON; a deeper one is base64, like any other value. Brackets in strings do
    /// not count.
    @Test(arguments: 50...80) func aDeepCall(depth: Int) throws {
        for (text, isJSON) in [
            (#"{"H":"h","M":"m","A":"# + Self.nested(depth - 1) + "}", depth <= 64),
            (#"{"H":"h","M":"m","A":[],"S":"# + Self.nested(depth - 1) + "}", depth <= 64),
            (#"{"H":"h","M":"m","A":[""# + String(repeating: "[{", count: depth) + #""]}"#, true),
        ] {
            #expect(JSONText.isJSON(Array(text.utf8)) == isJSON)
            let line = line([Message(source: "", key: "h-h", value: Array(text.utf8))])
            #expect(line.contains(isJSON ? #""value":"# + text : #""value":"e"#), "\(line)")
        }
    }

    private static func nested(_ depth: Int) -> String {
        String(repeating: "[", count: depth) + String(repeating: "]", count: depth)
    }

    @Test func controlCharactersAndQuotes() throws {
        let hostile = "a\"b\\c\n\r\t\u{0}\u{1}\u{1F}\u{7F}\u{2028}é😀/"
        let line = line([Message(source: hostile, key: "h-" + hostile, value: [], commandID: hostile, filter: hostile)])
        let message = try messages(line)[0]
        #expect(message["source"] as? String == hostile)
        #expect(message["key"] as? String == "h-" + hostile)
        #expect(message["command"] as? String == hostile)
        #expect(message["filter"] as? String == hostile)
        #expect(line.contains(#"a\"b\\c\n\r\t\u0000\u0001\u001f"#))
    }

    @Test func aHubNameWithEscapesIsDecoded() throws {
        let value = #"{"H":"a\"\u0000b","M":"\u00e9","A":[]}"#
        let message = try messages(line([Message(source: "", key: "h-a", value: Array(value.utf8))]))[0]
        #expect(message["hub"] as? String == "a\"\0b")
        #expect(message["method"] as? String == "é")
    }

    @Test func odditiesAreNamed() throws {
        let plain = Envelope(id: 7, body: ScaleoutMessage(messages: [], createdTicks: Self.ticks)).encoded()
        #expect(try object(line(plain))["oddities"] == nil)
        let odd = try object(line(Array("+".utf8) + plain + [0]))
        #expect(odd["id"] as? Int == 7)
        #expect(odd["oddities"] as? [String] == ["id", "trailing_bytes"])
        #expect(odd["latency_ns"] as? Int == 250_000_000)
    }

    static let undecodable: [(String, id: Int?)] = [
        ("hello", nil), ("1e+14 x", nil), ("7 x", 7), ("", nil), ("99", nil),
    ]

    @Test(arguments: undecodable) func anUndecodablePayload(_ text: String, id: Int?) throws {
        let object = try object(line(Array(text.utf8), channel: "a\"b"))
        #expect(object["channel"] as? String == "a\"b")
        #expect(object["id"] as? Int == id)
        #expect(object["id"] is NSNull == (id == nil))
        #expect(object["received_at"] as? String == "2026-11-22T21:41:00.000000500Z")
        #expect(try #require(object["error"] as? String).hasPrefix("not a SignalR envelope: "))
        #expect(object["payload_base64"] as? String == Data(text.utf8).base64EncodedString())
        #expect(object["messages"] == nil)
    }

    @Test func damageAfterAMessageLeavesNoPartialLine() throws {
        let whole = Envelope(
            id: 7,
            body: ScaleoutMessage(
                messages: [Message(source: "a", key: "b", value: []), Message(source: "c", key: "d", value: [])],
                createdTicks: Self.ticks)
        ).encoded()
        for count in 0..<whole.count {
            let object = try object(line(Array(whole[..<count])))
            #expect(object["error"] != nil && object["messages"] == nil, "\(count)")
        }
    }

    static let times: [(Int64, Bool, Int?)] = [
        (0, false, nil), (-1, false, nil), (.max, false, nil), (621_355_967_999_999_999, false, nil),
        (621_355_968_000_000_000, true, 1_795_383_660_000_000_500), (ticks + 5_000_000, true, -250_000_000),
    ]

    @Test(arguments: times) func creationTimes(ticks: Int64, isKnown: Bool, latency: Int?) throws {
        let object = try object(line([Message](), ticks: ticks))
        #expect(object["latency_ns"] as? Int == latency)
        #expect((object["created_at"] is String) == isKnown)
    }

    @Test func randomBytesGiveAValidLine() throws {
        var random = SplitMix64.announced()
        for _ in 0..<500 {
            let value = random.bytes(Int.random(in: 0...40, using: &random))
            _ = try messages(line([Message(source: "s", key: "h-a", value: value)]))
            _ = try object(line(random.bytes(Int.random(in: 0...40, using: &random))))
        }
    }
}
