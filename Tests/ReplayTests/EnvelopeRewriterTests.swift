import Backplane
import Testing

@testable import Replay

@Suite struct EnvelopeRewriterTests {
    private static let rewriter = EnvelopeRewriter(hubs: ["chathub": "TalkHub"], restamps: false)

    private func rewrite(_ message: Message, by rewriter: EnvelopeRewriter = Self.rewriter) throws -> Message {
        let blob = ScaleoutMessage(messages: [message], createdTicks: 42).encoded()
        let rewritten = blob.withUnsafeBytes { rewriter.rewritten($0, now: 0) }
        let body = try ScaleoutMessage(decoding: rewritten)
        #expect(body.createdTicks == 42)
        return try #require(body.messages.first)
    }

    @Test(
        "signals",
        arguments: [
            ("h-chatHub", "h-TalkHub"), ("h-CHATHUB", "h-TalkHub"), ("hg-chatHub.room.7", "hg-TalkHub.room.7"),
            ("hc-chatHub.abc", "hc-TalkHub.abc"), ("hu-chatHub.a.b", "hu-TalkHub.a.b"), ("h-other", "h-other"),
            ("c-chatHub", "c-chatHub"), ("pc-chatHub", "pc-chatHub"), ("chatHub", "chatHub"),
        ])
    func keys(key: String, expected: String) throws {
        let message = try rewrite(Message(source: "s", key: key, value: [], filter: "\(key)|x|"))
        #expect(message.key == expected)
        #expect(message.filter == "\(expected)|x|")
    }

    @Test(
        "calls, everything else byte for byte",
        arguments: [
            (#"{"H":"chatHub","M":"m","A":[1]}"#, #"{"H":"TalkHub","M":"m","A":[1]}"#),
            (
                #"{ "A":["chatHub"], "M":"chatHub" ,"H": "CHATHUB"}"#,
                #"{ "A":["chatHub"], "M":"chatHub" ,"H": "TalkHub"}"#
            ),
            (#"{"H":"\u0063hatHub","M":"m","A":[]}"#, #"{"H":"TalkHub","M":"m","A":[]}"#),
            (#"{"H":"chatHub2","M":"m","A":[]}"#, #"{"H":"chatHub2","M":"m","A":[]}"#),
            (#"{"I":"P|0","P":{"H":"chatHub"}}"#, #"{"I":"P|0","P":{"H":"chatHub"}}"#),
            ("no JSON chatHub", "no JSON chatHub"),
        ])
    func values(value: String, expected: String) throws {
        let message = try rewrite(Message(source: "s", key: "h-x", value: Array(value.utf8)))
        #expect(String(decoding: message.value, as: UTF8.self) == expected)
    }

    @Test("a command's group")
    func commands() throws {
        let command = Command(waitForAck: true, id: "i", type: .addToGroup, value: "hg-chatHub.room")
        let message = try rewrite(Message(source: "s", key: "c-1", value: command.encoded(), commandID: "i"))
        #expect(try Command(decoding: message.value).value == "hg-TalkHub.room")
    }

    @Test("only the time is changed")
    func restamp() throws {
        let message = Message(source: "s", key: "h-chatHub", value: Array("x".utf8))
        let blob = ScaleoutMessage(messages: [message], createdTicks: 42).encoded()
        let rewriter = EnvelopeRewriter(hubs: [:], restamps: true)
        let rewritten = blob.withUnsafeBytes { rewriter.rewritten($0, now: 1_700_000_000_000_000_000) }
        let expected = ScaleoutMessage(
            messages: [message], createdTicks: DotNetTicks(unixNanoseconds: 1_700_000_000_000_000_000).rawValue)
        #expect(rewritten == expected.encoded())
    }

    @Test("undecodable payloads stay unchanged")
    func garbage() {
        let bytes: [UInt8] = [1, 2, 3]
        #expect(bytes.withUnsafeBytes { Self.rewriter.rewritten($0, now: 0) } == bytes)
    }
}

@Suite struct IDRebaseTests {
    @Test(
        "the first follows the counter, gaps stay, and ids never fall",
        arguments: [
            (0, [7, 8, 9], [1, 2, 3]), (100, [7, 8, 12, 13], [101, 102, 106, 107]),
            // A reset, a repeated id, and an envelope without an id.
            (100, [7, 8, 1, 2, 5], [101, 102, 103, 104, 107]), (5, [7, 7, 8], [6, 7, 8]),
            (5, [7, nil, 9], [6, 7, 8]), (5, [nil, nil], [6, 7]),
        ] as [(UInt64, [UInt64?], [UInt64])])
    func rebases(counter: UInt64, captured: [UInt64?], expected: [UInt64]) {
        var rebase = IDRebase(counter: counter)
        #expect(captured.map { rebase.id(for: $0) } == expected)
    }
}
