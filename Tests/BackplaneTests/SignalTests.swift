import Backplane
import Testing

@Suite struct SignalTests {
    static let keys: [(key: String, signal: Signal, kind: MessageKind)] = [
        ("h-chatHub", .hub("chatHub"), .hub),
        ("h-", .hub(""), .hub),
        ("h-a.b", .hub("a.b"), .hub),
        ("hc-chatHub.5d79", .client(hub: "chatHub", connectionID: "5d79"), .client),
        ("hg-chatHub.room1", .group(hub: "chatHub", group: "room1"), .group),
        ("hg-chatHub.room.1", .group(hub: "chatHub", group: "room.1"), .group),
        ("hg-chatHub.", .group(hub: "chatHub", group: ""), .group),
        ("hg-chatHub.部屋|1,2\\x", .group(hub: "chatHub", group: "部屋|1,2\\x"), .group),
        ("hg-chatHub.\u{301}", .group(hub: "chatHub", group: "\u{301}"), .group),
        ("hu-chatHub.カロル", .user(hub: "chatHub", userID: "カロル"), .user),
        ("hu-chatHub.alice@example.com", .user(hub: "chatHub", userID: "alice@example.com"), .user),
        ("c-5d79f717", .connection("5d79f717"), .connection),
        ("c-", .connection(""), .connection),
        ("c-\u{301}", .connection("\u{301}"), .connection),
        ("pc-Holdout.EchoConnection", .persistentConnection(type: "Holdout.EchoConnection"), .persistentConnection),
        (
            "pcg-Holdout.EchoConnection.room",
            .persistentConnectionGroup(type: "Holdout.EchoConnection", group: "room"), .persistentConnectionGroup
        ),
        ("pcg-Echo.room", .persistentConnectionGroup(type: "Echo", group: "room"), .persistentConnectionGroup),
        ("__SIGNALR__SERVER__", .ack, .ack),

        ("hg-chatHub", .other("hg-chatHub"), .other),
        ("hc-", .other("hc-"), .other),
        ("hu-alice", .other("hu-alice"), .other),
        ("pcg-Echo", .other("pcg-Echo"), .other),
        ("", .other(""), .other),
        ("h", .other("h"), .other),
        ("hg", .other("hg"), .other),
        ("pc", .other("pc"), .other),
        ("pcg", .other("pcg"), .other),
        ("-", .other("-"), .other),
        ("H-chatHub", .other("H-chatHub"), .other),
        ("x-chatHub", .other("x-chatHub"), .other),
        ("hx-chatHub.a", .other("hx-chatHub.a"), .other),
        ("pcx-a.b", .other("pcx-a.b"), .other),
        ("chatHub-a", .other("chatHub-a"), .other),
        ("__SIGNALR__SERVER__2", .other("__SIGNALR__SERVER__2"), .other),
    ]

    @Test(arguments: keys)
    func aKeyIsTakenApartAndPutTogetherAgain(key: String, signal: Signal, kind: MessageKind) {
        #expect(Signal(key: key) == signal)
        #expect(signal.key == key)
    }

    @Test(arguments: keys)
    func aMessageIsOfTheKindOfItsKey(key: String, signal: Signal, kind: MessageKind) throws {
        let message = Message(source: "s", key: key, value: [])
        #expect(message.signal == signal)
        #expect(message.kind == kind)
        #expect(try kindSeenByAWalk(over: message) == kind)
    }

    static let flags: [(key: String, commandID: String, isAck: Bool, kind: MessageKind)] = [
        ("c-5d79", "35940c40", false, .command),
        ("h-chatHub", "35940c40", false, .command),
        ("no signal", "35940c40", false, .command),
        ("__SIGNALR__SERVER__", "35940c40", true, .ack),
        ("__SIGNALR__SERVER__", "35940c40", false, .ack),
        ("c-5d79", "35940c40", true, .ack),
        ("c-5d79", "", true, .ack),
    ]

    @Test(arguments: flags)
    func commandsAndAcksGoBeforeKeys(key: String, commandID: String, isAck: Bool, kind: MessageKind) throws {
        let message = Message(source: "s", key: key, value: [], commandID: commandID, isAck: isAck)
        #expect(message.kind == kind)
        #expect(try kindSeenByAWalk(over: message) == kind)
    }

    @Test func everyKindIsReachedAndHasItsOwnLabel() {
        #expect(Set((Self.keys.map(\.kind) + Self.flags.map(\.kind))) == Set(MessageKind.allCases))
        #expect(
            MessageKind.allCases.map(\.label) == [
                "hub", "client", "group", "user", "connection", "persistent_connection", "persistent_connection_group",
                "command", "ack", "other",
            ])
    }

    @Test func aKindHasTheSameNameOnItsWireAndInTheCommonView() {
        for kind in MessageKind.allCases { #expect(EnvelopeKind(kind).label == kind.label) }
        for kind in CoreKind.allCases { #expect(EnvelopeKind(kind).label == kind.label) }
        #expect(Set(EnvelopeKind.allCases.map(\.label)).count == EnvelopeKind.allCases.count)
        #expect(EnvelopeKind.allCases.allSatisfy { !$0.label.isEmpty })
    }

    private func kindSeenByAWalk(over message: Message) throws -> MessageKind? {
        let envelope = Envelope(id: 1, body: ScaleoutMessage(messages: [message], createdTicks: 0))
        return try envelope.encoded().withUnsafeBytes { bytes in
            var walk = try EnvelopeWalk(bytes)
            return try walk.next()?.kind
        }
    }
}
