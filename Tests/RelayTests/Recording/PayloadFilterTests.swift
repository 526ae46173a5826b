import Backplane
import Capture
import Cryptography
import Testing

@testable import Relay

@Suite struct PayloadFilterTests {
    private static let key = SymmetricKey([UInt8](repeating: 7, count: 32))

    private static func filter(_ mode: PayloadMode, _ keys: [String] = []) -> PayloadFilter {
        PayloadFilter(PayloadPolicy(mode: mode, redactedKeys: keys, key: key))
    }

    private static func payload(_ value: String, command: String = "") -> [UInt8] {
        let message = Message(
            source: "s", key: "h-chatHub", value: Array(value.utf8), commandID: command, filter: "c-1")
        return Envelope(id: 42, body: ScaleoutMessage(messages: [message, message], createdTicks: 9)).encoded()
    }

    /// The value that a message has afterwards; all else must be as it was.
    private static func value(_ value: String, _ filter: PayloadFilter, command: String = "") throws -> String {
        let before = try Envelope(decoding: payload(value, command: command))
        let output = payload(value, command: command).withUnsafeBytes { filter.filtered($0) }
        var after = try Envelope(decoding: output)
        let text = String(decoding: after.body.messages[0].value, as: UTF8.self)
        #expect(after.body.messages[0] == after.body.messages[1])
        for index in after.body.messages.indices { after.body.messages[index].value = before.body.messages[0].value }
        #expect(after == before)
        return text
    }

    private static func hashes(in text: String) -> [String] { text.matches(of: /[0-9a-f]{16}/).map { String($0.0) } }

    @Test func hashKeepsStructureHubAndMethod() throws {
        let hash = Self.filter(.hash)
        let text = try Self.value(
            #"{"H":"chatHub","M":"send","A":["hi",{"to":["hi",1,true,null]},1.5],"S":{"M":"hi"}}"#, hash)
        let found = Self.hashes(in: text)
        #expect(found.count == 5)
        let expected =
            #"{"H":"chatHub","M":"send","A":["\#(found[0])",{"to":["\#(found[1])","\#(found[2])",true,null]},"#
            + #""\#(found[3])"],"S":{"M":"\#(found[4])"}}"#
        #expect(text == expected)
        #expect(found[0] == found[1] && found[0] == found[4], "equal values, equal hashes")
        #expect(Set(found).count == 3)
        #expect(
            try Self.hashes(in: Self.value(#""hi""#, hash)) == [found[0]], "an escape more or less is no difference")
        let other = PayloadFilter(PayloadPolicy(mode: .hash))
        #expect(try Self.value(#""hi""#, other) != Self.value(#""hi""#, hash), "another key, other hashes")
    }

    @Test func noCallKeepsNothing() throws {
        let text = try Self.value(#"{"H":"canary","M":"canary"}"#, Self.filter(.hash))
        #expect(!text.contains("canary") && Self.hashes(in: text).count == 2)
        #expect(try Self.value("{canary", Self.filter(.hash)).wholeMatch(of: /"[0-9a-f]{16}"/) != nil)
    }

    static let hidden: [(PayloadMode, String, String)] = [
        (
            .full, #"{"Name":"x","a":[{"NAME":{"b":1}},{"token":5}],"c": "stays"}"#,
            #"{"Name":"***","a":[{"NAME":"***"},{"token":"***"}],"c":"stays"}"#
        ),
        (.full, "plain text", "plain text"),
        (.full, #"{"name":"canary""#, #""***""#),
        (.full, #"{"n\u0061me":"x"}"#, #"{"n\u0061me":"***"}"#),
        (.hash, #"{"name":"x"}"#, #"{"name":"***"}"#),
        (.none, #"{"name":"x"}"#, ""),
        (.none, "anything", ""),
    ]

    @Test(arguments: hidden) func membersAreHidden(_ mode: PayloadMode, _ value: String, _ expected: String) throws {
        #expect(try Self.value(value, Self.filter(mode, ["name", "Token"])) == expected)
    }

    @Test(arguments: [PayloadMode.hash, .none]) func commandsStay(_ mode: PayloadMode) throws {
        let command = Command(waitForAck: true, id: "g", type: .addToGroup, value: "hg-chatHub.ops").encoded()
        let text = String(decoding: command, as: UTF8.self)
        #expect(try Self.value(text, Self.filter(mode), command: "g") == text)
        #expect(try !Self.value("canary", Self.filter(mode), command: "g").contains("canary"))
    }

    @Test func whatDoesNotDecodeKeepsItsIdAtMost() {
        func filtered(_ text: String, _ mode: PayloadMode) -> String {
            String(decoding: Array(text.utf8).withUnsafeBytes { Self.filter(mode).filtered($0) }, as: UTF8.self)
        }
        #expect(filtered("7 canary", .none) == "7 ")
        #expect(filtered("canary", .none) == "")
        #expect(filtered("7 canary", .hash).wholeMatch(of: /7 [0-9a-f]{16}/) != nil)
        #expect(filtered("canary", .hash).wholeMatch(of: /[0-9a-f]{16}/) != nil)
    }
}
