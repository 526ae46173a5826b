import Backplane
import Testing

@testable import Preflight

@Suite struct ChannelGroupsTests {
    private struct Row: Equatable {
        var name: String
        var channels: Int
        var everyNode: String?
    }

    private static func hub(_ name: String, _ channels: Int, _ everyNode: String?) -> Row {
        Row(name: name, channels: channels, everyNode: everyNode)
    }

    private static func rows(_ groups: ChannelGroups) -> [Row] {
        groups.hubs.map { Row(name: $0.name, channels: $0.channels, everyNode: $0.everyNode) }
    }

    @Test func aHubWithItsConnectionsIsOneGroup() {
        let hub = "orcChat.Hubs.ChatHub"
        let names =
            [":all", ":internal:groups", ":internal:ack:web1_0af3", ":internal:return:web1_0af3", ":user:ann"].map {
                hub + $0
            }
            + (0..<3_000).map { "\(hub):connection:c\($0)" } + [
                "chat", "orc__Booksleeve_MasterChanged", "backplane-relay:marker:0f",
            ]
        let groups = ChannelGroups(names)
        #expect(Self.rows(groups) == [Self.hub(hub, 3_005, hub + ":all")])
        #expect(groups.others == ["chat", "orc__Booksleeve_MasterChanged"])
    }

    @Test func theFixedSubscriptionsOfANodeSuffice() {
        #expect(Self.rows(ChannelGroups(["H:internal:groups"])) == [Self.hub("H", 1, "H:internal:groups")])
        #expect(Self.rows(ChannelGroups(["H:all"])) == [Self.hub("H", 1, "H:all")])
        #expect(Self.rows(ChannelGroups(["H:internal:ack:s"])) == [Self.hub("H", 1, nil)])
        #expect(ChannelGroups(["H:connection:c", ":all", "all", "H"]).hubs.isEmpty)
    }

    @Test func aGroupNamedLikeAHubIsNotAHub() {
        let names = ["H:all", "H:group:x:internal:groups", "H:group:y:all", "H:user::all", "H:group:Grüppe: ★"]
        #expect(Self.rows(ChannelGroups(names)) == [Self.hub("H", 5, "H:all")])
    }

    @Test func hubsWithACommonPrefixAreTwo() {
        let generic = "Chat.RoomHub`1[[System.Int32, System.Private.CoreLib, Version=8.0.0.0]]"
        let groups = ChannelGroups(["H:all", "H2:all", "H2:connection:a", "p:H:all", generic + ":all"])
        #expect(groups.hubs.map(\.name) == [generic, "H", "H2", "p:H"].sorted())
        #expect(groups.hubs.first { $0.name == "H2" }?.channels == 2)
    }

    private static func guess(_ root: String, _ more: [String] = []) -> [String] {
        let hub = ChannelGroups([root + ":all"] + more).hubs.first { $0.name == root }?.found.hub
        return [hub?.prefix ?? "?", hub?.type ?? "?"]
    }

    /// StackExchange.Redis subscribes to a channel of its own, with the prefix.
    @Test func thePrefixIsGuessed() {
        let library = "__Booksleeve_MasterChanged"
        #expect(Self.guess("orcOracleHub", ["orc" + library]) == ["orc", "OracleHub"])
        #expect(Self.guess("orcOracleHub", ["orc" + library, library, "orcO" + library]) == ["orcO", "racleHub"])
        #expect(Self.guess("orcOracleHub", [library]) == ["", "orcOracleHub"])
        #expect(Self.guess("orcOracleHub") == ["", "orcOracleHub"])
        #expect(Self.guess("OracleHub", ["OracleHub" + library]) == ["", "OracleHub"])
        #expect(Self.guess("my:app:OracleHub") == ["my:app:", "OracleHub"])
        #expect(Self.guess("my:app:OracleHub", [library, "my:" + library]) == ["my:app:", "OracleHub"])
        #expect(Self.guess("a*?[b]\\Chat.Hubs.ChatHub", ["a*?[b]\\" + library]) == ["a*?[b]\\", "Chat.Hubs.ChatHub"])
    }

    @Test func nodesAndTheirSubscriptions() throws {
        let servers = ["web1", "web2"].map { $0 + "_0123456789abcdef0123456789abcdef" }
        func found(_ names: [String]) throws -> FoundHub {
            try #require(ChannelGroups(["H:all", "H:internal:groups"] + names).hubs.first).found
        }
        let acks = servers.map { "H:internal:ack:" + $0 }
        let returns = servers.map { "H:internal:return:" + $0 }
        let all = try found(acks + returns + ["H:group:a:b", "H:user:u", "H:user:v", "H:connection:c", "other"])
        #expect(all.nodes == 2 && all.machines == ["web1", "web2"] && all.servers == servers)
        #expect(
            all.counts == [.all: 1, .groupCommand: 1, .ack: 2, .result: 2, .group: 1, .user: 2, .connection: 1])
        #expect(all.versions == ".NET 7 or later" && !all.mixesVersions)
        let mixed = try found(acks + [returns[0]])
        #expect(mixed.versions == "some before .NET 7" && mixed.mixesVersions)
        let old = try found(acks)
        #expect(old.versions == "before .NET 7" && !old.mixesVersions)
        #expect(try found([]).versions == nil)
        // Two processes on one machine.
        #expect(try found(["H:internal:ack:web1_" + String(repeating: "0", count: 32), acks[0]]).machines == ["web1"])
    }
}
