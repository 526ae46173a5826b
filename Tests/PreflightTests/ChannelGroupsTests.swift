import Testing

@testable import Preflight

@Suite struct ChannelGroupsTests {
    private static func hub(_ name: String, _ channels: Int, _ everyNode: String?) -> ChannelGroups.Hub {
        ChannelGroups.Hub(name: name, channels: channels, everyNode: everyNode)
    }

    @Test func aHubWithItsConnectionsIsOne() {
        let hub = "orcChat.Hubs.ChatHub"
        let names =
            [":all", ":internal:groups", ":internal:ack:web1_0af3", ":internal:return:web1_0af3", ":user:ann"].map {
                hub + $0
            }
            + (0..<3_000).map { "\(hub):connection:c\($0)" } + ["chat", "orc__Booksleeve_MasterChanged"]
        let groups = ChannelGroups(names)
        #expect(groups.hubs == [Self.hub(hub, 3_005, hub + ":all")])
        #expect(groups.others == ["chat", "orc__Booksleeve_MasterChanged"])
    }

    @Test func whatANodeAlwaysListensToIsEnough() {
        #expect(ChannelGroups(["H:internal:groups"]).hubs == [Self.hub("H", 1, "H:internal:groups")])
        #expect(ChannelGroups(["H:all"]).hubs == [Self.hub("H", 1, "H:all")])
        #expect(ChannelGroups(["H:internal:ack:s"]).hubs == [Self.hub("H", 1, nil)])
        #expect(ChannelGroups(["H:connection:c", ":all", "all", "H"]).hubs.isEmpty)
    }

    @Test func aGroupThatIsCalledLikeAHubIsNone() {
        let names = ["H:all", "H:group:x:internal:groups", "H:group:y:all", "H:user::all", "H:group:Grüppe: ★"]
        #expect(ChannelGroups(names).hubs == [Self.hub("H", 5, "H:all")])
    }

    @Test func hubsOfOneBeginningAreTwo() {
        let generic = "Chat.RoomHub`1[[System.Int32, System.Private.CoreLib, Version=8.0.0.0]]"
        let groups = ChannelGroups(["H:all", "H2:all", "H2:connection:a", "p:H:all", generic + ":all"])
        #expect(groups.hubs.map(\.name) == [generic, "H", "H2", "p:H"].sorted())
        #expect(groups.hubs.first { $0.name == "H2" }?.channels == 2)
    }
}
