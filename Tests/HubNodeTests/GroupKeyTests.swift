import Backplane
import Testing

@testable import HubNode

@Suite("Group key")
struct GroupKeyTests {
    private static let keys: [(key: String, name: String, other: String)] = [
        ("hg-chatHub.room", "chatHub.room", "hg-CHATHUB.room"), ("hg-Hub.A.b", "Hub.A.b", "hg-hub.a.B"),
        ("hg-Hub.", "Hub.", "hg-hub."), ("hg-Hub.日本 É", "Hub.日本 É", "hg-hub.日本 é"),
        ("hg-Hub.hg-x", "Hub.hg-x", "HG-hub.hg-x"),
    ]

    @Test("keeps the name, and compares ignoring case", arguments: keys)
    func key(key: String, name: String, other: String) throws {
        let group = try #require(GroupKey(key))
        #expect(group.name == name)
        #expect(group.key.folded == CaselessName(other))
        #expect(group.key != SignalKey(other))
        // The name is part of the groups token and identifies the same group later.
        #expect(GroupKey(named: group.name).key == SignalKey(key))
    }

    @Test(
        "other keys are not a hub's group",
        arguments: [
            nil, "", "hg-", "hg-nodot", "h-chatHub", "hc-chatHub.c1", "hu-chatHub.alice", "c-1", "pcg-App.Echo.room",
            "HG-chatHub.room", "room", "__SIGNALR__SERVER__",
        ] as [String?])
    func none(key: String?) {
        #expect(GroupKey(key) == nil)
    }
}
