import Backplane
import NIOCore
import Testing

@testable import HubNode

@Suite("Stored envelope")
struct StoredEnvelopeTests {
    private static func command(_ value: String, id: String = "5b3238ca", isAck: Bool = false) -> Message {
        Message(
            source: "server", key: "c-1b8cd930", value: Array(value.utf8), commandID: id, waitForAck: true, isAck: isAck
        )
    }

    @Test("keeps its messages in their order, keys in both ways, values as they are")
    func messages() throws {
        let envelope = StoredEnvelope(
            7, .toHub(#"{"H":"chatHub"}"#, key: "h-ChatHub"), .toHub("{ }", key: "hg-ChatHub.Röom"))
        #expect(envelope.id == 7)
        #expect(envelope.messages.map(\.key) == ["h-ChatHub", "hg-ChatHub.Röom"])
        #expect(envelope.messages.map(\.key.folded) == ["h-chathub", "hg-chathub.rÖom"])
        #expect(envelope.messages.map { String(buffer: $0.value) } == [#"{"H":"chatHub"}"#, "{ }"])
        #expect(envelope.messages.allSatisfy { $0.excluded.isEmpty && $0.command == nil })
    }

    @Test("without messages it is still an envelope")
    func empty() {
        #expect(StoredEnvelope(7).messages.isEmpty)
        #expect(StoredEnvelope(7).size > 0)
    }

    @Test("an ack is for nodes: left out, whether it is a command or not")
    func acks() {
        let ack = Message(source: "c", key: "__SIGNALR__SERVER__", value: [], commandID: "5b3238ca", isAck: true)
        let odd = Message(source: "c", key: "h-chatHub", value: Array("{}".utf8), isAck: true)
        let command = Self.command(#"{"Id":"a","CommandType":0}"#, isAck: true)
        #expect(StoredEnvelope(1, ack, odd, command).messages.isEmpty)
        #expect(StoredEnvelope(1, ack, .toHub("1"), odd).messages.map { String(buffer: $0.value) } == ["1"])
    }

    private static let filters: [(filter: String, excluded: [String])] = [
        ("", []), ("c-1B8CD930", ["c-1B8CD930"]), ("c-a|c-B|hg-Hub.g", ["c-a", "c-B", "hg-Hub.g"]),
        ("c-a|", ["c-a"]), ("|c-a", ["c-a"]), ("c-a||c-b", ["c-a", "c-b"]), ("|", []),
    ]

    @Test("a filter is split into keys", arguments: filters)
    func filter(filter: String, excluded: [String]) throws {
        let message = try #require(StoredEnvelope(1, .toHub(filter: filter)).messages.first)
        #expect(message.excluded == excluded.map { SignalKey($0) })
    }

    @Test("a command is read", arguments: CommandType.allCases)
    func command(type: CommandType) throws {
        let command = Command(waitForAck: true, id: "5b3238ca", type: type, value: "hg-chatHub.room")
        let stored = StoredEnvelope(1, Message(command, to: "1B8CD930"))
        let message = try #require(stored.messages.first)
        #expect(message.command == command)
        #expect(message.key == "c-1B8CD930")
    }

    @Test(
        "a command that cannot be read is nothing to pass on",
        arguments: ["", "{}", "garbage", #"{"Id":"a","CommandType":9}"#, #"{"H":"chatHub","M":"x","A":[]}"#])
    func brokenCommand(value: String) {
        let stored = StoredEnvelope(1, Self.command(value), .toHub("1"))
        #expect(stored.messages.map { String(buffer: $0.value) } == ["1"])
    }

    @Test("a command without a command id is a message")
    func noCommand() throws {
        let value = #"{"WaitForAck":false,"Id":"a","CommandType":3,"Value":null}"#
        let message = try #require(StoredEnvelope(1, Self.command(value, id: "")).messages.first)
        #expect(message.command == nil)
        #expect(String(buffer: message.value) == value)
    }

    @Test("its size grows with what it holds")
    func size() {
        let small = StoredEnvelope(1, .toHub("1"))
        #expect(small.size > StoredEnvelope(1).size)
        #expect(StoredEnvelope(1, .toHub(String(repeating: "1", count: 1_001))).size == small.size + 1_000)
        #expect(StoredEnvelope(1, .toHub("1"), .toHub("1")).size > small.size)
    }
}
