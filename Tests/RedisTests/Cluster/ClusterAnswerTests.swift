import Foundation
import Testing

@testable import Redis

/// Replies of cluster nodes, also malformed and hostile ones.
@Suite struct ClusterAnswerTests {
    private static let server = RedisEndpoint.tcp(host: "seed", port: 7_000)

    private static func text(_ text: String) -> RESPValue { .bulk(Array(text.utf8)) }

    private static func node(_ id: Character, _ fields: [String: RESPValue]) -> RESPValue {
        let all = [
            "id": text(String(repeating: id, count: 40)), "role": text("master"), "health": text("online"),
        ].merging(fields) { $1 }
        return .array(all.flatMap { [text($0.key), $0.value] })
    }

    private static func shards(_ nodes: [RESPValue]) -> RESPValue {
        .array([.array([text("slots"), .array([.integer(0), .integer(9)]), text("nodes"), .array(nodes)])])
    }

    private static func places(_ nodes: [RESPValue], from server: RedisEndpoint = server, usesTLS: Bool = false)
        -> [String]?
    {
        ClusterNodes(shards: shards(nodes), from: server, usesTLS: usesTLS)?.all.map(\.place.description)
    }

    @Test(
        arguments: [
            (["endpoint": text("10.0.0.1"), "port": .integer(6_379)], false, "10.0.0.1:6379"),
            (
                ["endpoint": text("a.example"), "ip": text("10.0.0.1"), "port": .integer(6_379)], false,
                "a.example:6379"
            ),
            (["endpoint": text("::1"), "port": .integer(6_379)], false, "[::1]:6379"),
            // A node that does not know its address.
            (["endpoint": .null, "port": .integer(6_380)], false, "seed:6380"),
            (["endpoint": text("?"), "port": .integer(6_380)], false, "seed:6380"),
            (["port": .integer(6_380)], false, "seed:6380"),
            (["endpoint": text("h"), "port": .integer(1), "tls-port": .integer(2)], false, "h:1"),
            (["endpoint": text("h"), "port": .integer(1), "tls-port": .integer(2)], true, "h:2"),
            (["endpoint": text("h"), "port": .integer(1)], true, "h:1"),
            (["endpoint": text("h"), "tls-port": .integer(2)], false, "h:2"),
        ] as [([String: RESPValue], Bool, String)])
    func `the address of a node is the announced one`(fields: [String: RESPValue], usesTLS: Bool, place: String) {
        #expect(Self.places([Self.node("a", fields)], usesTLS: usesTLS) == [place])
    }

    @Test(
        arguments: [
            ["endpoint": text("h")], ["endpoint": text("h"), "port": .integer(0)],
            ["endpoint": text("h"), "port": .integer(65_536)], ["endpoint": text("h"), "port": .integer(-1)],
            ["endpoint": text("h"), "port": text("6379")], ["endpoint": text("a b"), "port": .integer(1)],
            ["endpoint": text("a\r\nb"), "port": .integer(1)], ["endpoint": text("a,password=x"), "port": .integer(1)],
            ["endpoint": text(String(repeating: "h", count: 254)), "port": .integer(1)],
            ["endpoint": .bulk([0xFF]), "port": .integer(1)], ["id": text("a"), "port": .integer(1)],
            ["id": .null, "port": .integer(1)],
        ] as [[String: RESPValue]])
    func `an entry that cannot be a node is skipped and counted`(fields: [String: RESPValue]) {
        let good = Self.node("b", ["endpoint": Self.text("h"), "port": .integer(1)])
        let nodes = ClusterNodes(
            shards: Self.shards([Self.node("a", fields), good]), from: Self.server, usesTLS: false)
        #expect(nodes?.all.map(\.place.description) == ["h:1"] && nodes?.unreadable == 1)
    }

    @Test func `a reply of another shape is refused`() {
        for reply in [RESPValue.null, .error("ERR unknown subcommand"), .integer(1), Self.text("x"), .status("OK")] {
            #expect(ClusterNodes(shards: reply, from: Self.server, usesTLS: false) == nil)
        }
        let odd: [RESPValue] = [.array([]), .array([.integer(1)]), .null, .array([Self.text("nodes"), .integer(3)])]
        let nodes = ClusterNodes(shards: .array(odd), from: Self.server, usesTLS: false)
        #expect(nodes?.all == [] && nodes?.unreadable == 4)
        #expect(Self.places([Self.node("a", ["port": .integer(1)])], from: .unix(path: "/s")) == [])
    }

    @Test func `those that are up come first, masters before replicas, and no node twice`() {
        func node(_ id: Character, _ port: Int64, _ role: String, _ health: String) -> RESPValue {
            Self.node(
                id,
                [
                    "endpoint": Self.text("h"), "port": .integer(port), "role": Self.text(role),
                    "health": Self.text(health),
                ])
        }
        let nodes = [
            node("a", 1, "replica", "fail"), node("b", 2, "master", "failed"), node("c", 3, "replica", "online"),
            node("d", 4, "master", "loading"), node("e", 5, "master", "online"), node("e", 6, "master", "online"),
            node("f", 5, "master", "online"),
        ]
        #expect(Self.places(nodes) == ["h:4", "h:5", "h:3", "h:2", "h:1"])
        let many = (0..<2_000).map { index in
            Self.node(
                "0",
                [
                    "id": Self.text(String(repeating: "0", count: 36) + String(format: "%04d", index)),
                    "endpoint": Self.text("h"), "port": .integer(Int64(index + 1)),
                ])
        }
        #expect(Self.places(many)?.count == ClusterNodes.most)
    }

    @Test(
        arguments: [
            ("cluster_state:ok\r\ncluster_known_nodes:3\r\n", ClusterState(isOK: true, nodes: 3)),
            ("cluster_state:fail\r\n", ClusterState(isOK: false)), ("cluster_state:\r\n", ClusterState(isOK: false)),
            ("cluster_state:ok\r\ncluster_known_nodes:-3\r\n", ClusterState(isOK: true)),
            ("cluster_state:ok\r\ncluster_known_nodes:x\r\n", ClusterState(isOK: true)),
            ("cluster_size:3\r\n", nil), ("", nil),
        ] as [(String, ClusterState?)])
    func `the state of a cluster`(text: String, state: ClusterState?) {
        #expect(ClusterState(info: text) == state)
    }

    @Test(
        arguments: [
            ("MOVED 3999 10.0.0.1:6381", "10.0.0.1:6381"), ("MOVED 3999 a.example:6381", "a.example:6381"),
            ("MOVED 3999 :6381", "seed:6381"), ("MOVED 3999 ?:6381", "seed:6381"),
            ("MOVED 3999 ::1:6381", "[::1]:6381"), ("MOVED 3999 [::1]:6381", "[::1]:6381"),
            ("MOVED 3999 h:0", nil), ("MOVED 3999 h:65536", nil), ("MOVED 3999 h", nil), ("MOVED x h:1", nil),
            ("MOVED 3999 a,b:1", nil), ("MOVED 3999 h:1 x", nil), ("MOVED 3999  h:1", nil), ("ASK 3999 h:1", nil),
            ("MOVED", nil), ("", nil),
        ] as [(String, String?)])
    func `where a key is`(reply: String, place: String?) {
        #expect(ClusterRedirect(error: reply, from: Self.server)?.place.description == place)
    }

    // MARK: - Answers for all nodes

    @Test(
        arguments: [
            (["PUBSUB", "NUMSUB", "a"], .subscribers), (["pubsub", "channels"], .channels),
            (["PUBSUB", "CHANNELS", "x*"], .channels), (["INFO", "stats"], .channelCount), (["GET", "k"], .key),
            (["CLIENT", "LIST", "TYPE", "pubsub"], .subscribedClients), (["CLIENT", "LIST", "ID", "3"], nil),
            (["CLIENT", "LIST", "TYPE", "normal"], nil), (["INFO"], nil), (["INFO", "replication"], nil),
            (["PUBSUB", "NUMPAT"], nil), (["PUBLISH", "a", "b"], nil), (["GET"], nil), ([], nil),
        ] as [([RESPArgument], ClusterQuestion?)])
    func `commands that one node cannot answer for all`(command: [RESPArgument], question: ClusterQuestion?) {
        #expect(ClusterQuestion(command) == question)
    }

    private static func counts(_ counts: [(String, Int64)]) -> RESPValue {
        .array(counts.flatMap { [text($0.0), .integer($0.1)] })
    }

    @Test func `subscribers are summed`() {
        let own = Self.counts([("a", 1), ("b", 0)])
        func sum(_ others: [RESPValue]) -> RESPValue? {
            ClusterQuestion.subscribers.merge(own, others.map { (1, $0) })
        }
        #expect(sum([]) == own)
        #expect(sum([Self.counts([("a", 2), ("b", 3)]), own]) == Self.counts([("a", 4), ("b", 3)]))
        for odd in [
            Self.counts([("a", 2)]), Self.counts([("b", 2), ("a", 3)]), Self.counts([("a", -1), ("b", 0)]),
            Self.counts([("a", .max), ("b", 0)]),
            .array([Self.text("a"), Self.text("1"), Self.text("b"), .integer(1)]),
            .null, .error("NOPERM"),
        ] { #expect(sum([odd]) == nil) }
        #expect(ClusterQuestion.subscribers.merge(.null, [(1, own)]) == .null)
    }

    @Test func `channels are listed once, and counted`() {
        let own = RESPValue.array([Self.text("a"), Self.text("b")])
        let other = RESPValue.array([Self.text("b"), .bulk([0xFF]), .null])
        let all = RESPValue.array([Self.text("a"), Self.text("b"), .bulk([0xFF])])
        #expect(ClusterQuestion.channels.merge(own, [(1, other), (2, other)]) == all)
        #expect(ClusterQuestion.channels.merge(own, [(1, .null)]) == nil)
        func stats(_ channels: String) -> RESPValue { Self.text("x:1\r\npubsub_channels:\(channels)\r\n") }
        func count(_ other: RESPValue) -> String? {
            ClusterQuestion.channelCount.merge(stats("3"), [(1, other)])?.text.flatMap { InfoFields($0) }?[
                "pubsub_channels"]
        }
        #expect(count(stats("4")) == "7")
        for odd in [stats("-1"), stats("x"), stats("\(Int.max)"), .null, Self.text("")] { #expect(count(odd) == nil) }
    }

    @Test func `clients of two nodes with one id are two`() {
        let own = Self.text("id=3 addr=h:1 name=a\n")
        let other = Self.text("id=3 addr=h:2 name=b\nid=x addr=h:3\nid=99999999999999999999 addr=h:4\n\n")
        let lines = ClusterQuestion.subscribedClients.merge(own, [(2, other)])?.text?.split(separator: "\n")
        #expect(
            lines?.map(String.init) == [
                "id=3 addr=h:1 name=a", "id=\(2 << 48 | 3) addr=h:2 name=b", "id=x addr=h:3",
                "id=99999999999999999999 addr=h:4",
            ])
        #expect(ClusterQuestion.subscribedClients.merge(own, [(2, .null)]) == nil)
    }

    // MARK: - What is tried

    @Test func `what was learned is tried after the servers of the address`() {
        let configured = RedisConfiguration(host: "a", port: 1).watching()
        let others = (1...3).map { RedisEndpoint.tcp(host: "a", port: $0) }
        configured.learned?.learn(others)
        #expect(configured.candidates.map(\.description) == ["a:1", "a:2", "a:3"])
        #expect(configured.pinned(to: others[1]).candidates == [others[1]])
        // A reply of a node that is cut off does not replace what was learned.
        configured.learned?.learn([others[0]])
        #expect(configured.candidates.count == 3)
        configured.learned?.learn((1...500).map { .tcp(host: "b", port: $0) })
        #expect(configured.candidates.count == 1 + LearnedServers.limit)
        #expect(RedisConfiguration(host: "a", port: 1).learned == nil)
        var several = configured
        (several.servers, several.preference) = (others, .master)
        #expect(several.demandsOfCluster == [.master])
        several.learned?.foundCluster()
        #expect(several.demandsOfCluster == [.master, .any])
    }

    @Test func `each server has its own number`() {
        let learned = LearnedServers()
        let numbers = (1...100).map { learned.number(of: .tcp(host: "h", port: $0)) }
        #expect(Array(numbers.prefix(3)) == [1, 2, 3] && numbers.last == 0)
        #expect(learned.number(of: .tcp(host: "h", port: 2)) == 2)
    }
}
