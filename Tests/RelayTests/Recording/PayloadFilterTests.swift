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

    /// The resulting value of a message; everything else must be unchanged.
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
            try Self.hashes(in: Self.value(#""hi""#, hash)) == [found[0]], "escapes make no difference")
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

    @Test func anUndecodablePayloadKeepsAtMostItsID() {
        func filtered(_ text: String, _ mode: PayloadMode) -> String {
            String(decoding: Array(text.utf8).withUnsafeBytes { Self.filter(mode).filtered($0) }, as: UTF8.self)
        }
        #expect(filtered("7 canary", .none) == "7 ")
        #expect(filtered("canary", .none) == "")
        #expect(filtered("7 canary", .hash).wholeMatch(of: /7 [0-9a-f]{16}/) != nil)
        #expect(filtered("canary", .hash).wholeMatch(of: /[0-9a-f]{16}/) != nil)
    }
}

/// Names that must not be recorded, on both backplanes.
@Suite struct NamesFilterTests {
    private static let canary = "c4n4ry"

    private static func filter(_ key: UInt8 = 7) -> PayloadFilter {
        var policy = PayloadPolicy(mode: .full)
        policy.namesKey = SymmetricKey([UInt8](repeating: key, count: 32))
        return PayloadFilter(policy)
    }

    private static func text(_ bytes: [UInt8]) -> String { String(decoding: bytes, as: UTF8.self) }

    private static func signalR2(_ key: String, source: String = "s", command: Command? = nil) -> [UInt8] {
        let value = command?.encoded() ?? Array(#"{"H":"chatHub","M":"say","A":["kept"]}"#.utf8)
        let message = Message(
            source: source, key: key, value: value, commandID: command?.id ?? "", filter: "c-\(canary)|h-chatHub")
        return Envelope(id: 42, body: ScaleoutMessage(messages: [message], createdTicks: 9)).encoded()
    }

    @Test(arguments: ["hg-chatHub.c4n4ry", "hu-chatHub.c4n4ry", "hc-chatHub.c4n4ry", "c-c4n4ry", "pcg-a.B.c4n4ry"])
    func noNameOfSignalR2IsLeft(key: String) throws {
        let command = Command(waitForAck: true, id: "1", type: .addToGroup, value: "hg-chatHub.\(Self.canary)")
        for payload in [Self.signalR2(key, source: Self.canary), Self.signalR2(key, command: command)] {
            let output = payload.withUnsafeBytes { Self.filter().filtered($0) }
            #expect(!Self.text(output).contains(Self.canary))
            let envelope = try Envelope(decoding: output)
            let message = try #require(envelope.body.messages.first)
            #expect(envelope.id == 42 && message.filter.hasSuffix("|h-chatHub"))
            let dot = try #require(key.firstIndex { $0 == "." || $0 == "-" })
            #expect(message.key.hasPrefix(key[...dot]))
        }
    }

    @Test func equalNamesHaveOneHashUnderOneKey() throws {
        func key(_ name: String, _ key: UInt8 = 7) throws -> String {
            let output = Self.signalR2("hg-chatHub.\(name)").withUnsafeBytes { Self.filter(key).filtered($0) }
            return try Envelope(decoding: output).body.messages[0].key
        }
        #expect(try key("room") == key("ROOM"), "group names ignore case")
        #expect(try key("room") != key("room2"))
        #expect(try key("room") != key("room", 8))
    }

    @Test func noNamesOfCoreAreLeft() throws {
        let hub = CoreHub(prefix: "p", type: "Chat.ChatHub")
        let name = Array(Self.canary.utf8)
        let frame = Array("{\"type\":1,\"target\":\"Say\",\"arguments\":[\"kept\"]}\u{1E}".utf8)
        let invocation = CorePayload.invocation(
            CoreInvocation(excluded: [Self.canary], frames: [.init(protocolName: "json", bytes: frame)])
        ).encoded()
        let command = CorePayload.groupCommand(
            CoreGroupCommand(id: 1, server: "node_1", action: .add, group: Self.canary, connection: Self.canary)
        ).encoded()
        var targets: [String] = []
        for (kind, payload) in [
            (CoreKind.group, invocation), (.user, invocation), (.connection, invocation), (.all, invocation),
            (.groupCommand, command),
        ] {
            let record = CoreRecord.bytes(channel: hub.channel(kind, name), payload: payload)
            let output = record.withUnsafeBytes { Self.filter().filtered($0, hub.form) }
            #expect(!Self.text(output).contains(Self.canary))
            try output.withUnsafeBytes { output in
                var view = try EnvelopeView(output, hub.form)
                let message = try #require(try view.next())
                #expect(message.kind == EnvelopeKind(kind))
                if kind != .groupCommand { #expect(message.call?.method.text == "Say") }
                if let target = message.target { targets.append(String(decoding: target, as: UTF8.self)) }
            }
        }
        // One in the group's channel and one in the command.
        #expect(targets.count == 4 && targets[0] == targets[3] && targets[1] != targets[0])
    }

    @Test func undecodablePayloadsAreNotRecorded() {
        let hub = CoreHub(type: "A")
        for bytes in [
            CoreRecord.bytes(channel: Array("A:all".utf8), payload: Array(Self.canary.utf8)),
            CoreRecord.bytes(channel: Array("A\(Self.canary)".utf8), payload: Array(Self.canary.utf8)),
            Array(Self.canary.utf8),
        ] {
            let output = bytes.withUnsafeBytes { Self.filter().filtered($0, hub.form) }
            #expect(!Self.text(output).contains(Self.canary))
        }
        let output = Array("7 \(Self.canary)".utf8).withUnsafeBytes { Self.filter().filtered($0) }
        #expect(Self.text(output) == "7 ")
    }
}
