import Testing

@testable import Relay

@Suite struct SubscriberReturnsTests {
    private static let second: UInt64 = 1_000_000_000

    private static func client(_ id: Int, _ name: String, _ address: String = "10.0.0.1") -> SubscriberClient {
        let line = "id=\(id) addr=\(address):\(40_000 + id) fd=8 name=\(name) age=1 sub=1 psub=0 omem=0 tot-mem=100"
        guard let client = SubscriberClient(line: line) else { preconditionFailure("not a line of CLIENT LIST") }
        return client
    }

    /// One listing every 5 s.
    private static func names(_ listings: [[SubscriberClient]]) -> [[String]] {
        var returns = SubscriberReturns()
        return listings.enumerated().map { index, clients in
            returns.look(clients, of: "redis:6379", at: UInt64(index) * 5 * second).map {
                "\($0.key.name) \($0.connections) \($0.awayAtMost / second)s"
            }
        }
    }

    @Test("a replaced connection is found, between two listings or over several")
    func returned() {
        #expect(
            Self.names([
                [Self.client(1, "WEB1(SE.Redis-v2.9)"), Self.client(2, "WEB2(SE.Redis-v2.9)")],
                [Self.client(3, "WEB1(SE.Redis-v2.9)"), Self.client(2, "WEB2(SE.Redis-v2.9)")],
                [Self.client(3, "WEB1(SE.Redis-v2.9)")],
                [Self.client(3, "WEB1(SE.Redis-v2.9)")],
                [Self.client(3, "WEB1(SE.Redis-v2.9)"), Self.client(9, "WEB2(SE.Redis-v2.9)")],
            ]) == [[], ["WEB1(SE.Redis-v2.9) 1 5s"], [], [], ["WEB2(SE.Redis-v2.9) 1 15s"]])
    }

    @Test("new nodes, further connections of a node, and connections that only end are not named")
    func clean() {
        #expect(
            Self.names([
                [Self.client(1, "web1")],
                [Self.client(1, "web1"), Self.client(2, "web2"), Self.client(3, "web1"), Self.client(4, "web1", "b")],
                [Self.client(1, "web1")],
            ]) == [[], [], []])
    }

    @Test(
        "relays, sentinels, and clients without a name are not named",
        arguments: ["backplane-relay", "app-backplane-relay", "backplane-relay-tail", "sentinel-1-pubsub", ""])
    func others(name: String) {
        #expect(Self.names([[Self.client(1, name)], [Self.client(2, name)], [Self.client(3, name)]]) == [[], [], []])
    }

    @Test("nodes of `check` that come and go are not named; one that reconnects at once is")
    func checks() {
        let name = "backplane-relay-hub"
        #expect(
            Self.names([[Self.client(1, name)], [], [Self.client(2, name)], [Self.client(3, name)]])
                == [[], [], [], ["backplane-relay-hub 1 5s"]])
    }

    @Test("after a change of the server or a time without answers, other ids are no replacement")
    func interruption() {
        var returns = SubscriberReturns()
        #expect(returns.look([Self.client(1, "web1")], of: "a:1", at: 0).isEmpty)
        #expect(returns.look([Self.client(5, "web1")], of: "b:1", at: 1).isEmpty)
        returns.interrupted()
        #expect(returns.look([Self.client(7, "web1")], of: "b:1", at: 2).isEmpty)
        #expect(returns.look([Self.client(8, "web1")], of: "b:1", at: 3).count == 1)
    }

    @Test("an absent node is remembered for ten minutes, and the number of nodes is limited")
    func limits() {
        var returns = SubscriberReturns()
        #expect(returns.look([Self.client(1, "web1")], of: "a:1", at: 0).isEmpty)
        #expect(returns.look([], of: "a:1", at: 5 * Self.second).isEmpty)
        #expect(returns.keys.count == 1)
        #expect(returns.look([], of: "a:1", at: 600 * Self.second).isEmpty)
        #expect(returns.keys.isEmpty)
        #expect(returns.look([Self.client(2, "web1")], of: "a:1", at: 605 * Self.second).isEmpty)
        let crowd = (0..<300).map { Self.client($0 + 1, "web\($0)") }
        #expect(returns.look(crowd, of: "a:1", at: 606 * Self.second).isEmpty)
        #expect(returns.keys.count == SubscriberReturns.limit)
    }

    @Test("a number of subscribers that falls and rises again")
    func dips() {
        func dips(_ counts: [Int?], step: UInt64 = 5) -> Int {
            var dip = SubscriberDip()
            return counts.enumerated().count { dip.look($1, at: UInt64($0) * step * Self.second) }
        }
        #expect(dips([3, 2, 3]) == 1)
        #expect(dips([3, 1, 1, 2, 3]) == 1)
        #expect(dips([3, 2, 3, 2, 3]) == 2)
        #expect(dips([1, 2, 3, 3]) == 0)
        #expect(dips([3, 2, 2]) == 0)
        // Redis did not answer, or the relay itself was not subscribed.
        #expect(dips([3, 2, nil, 3]) == 0)
        #expect(dips([3, nil, 2, 3]) == 0)
        #expect(dips([3, 2, 3], step: 600) == 0)
    }
}
