import Testing

@testable import Relay

@Suite struct SubscriberTableTests {
    private static let second: UInt64 = 1_000_000_000

    private static func client(
        _ name: String, _ address: String = "10.0.0.1:50001", waiting: Int = 0, sub: Int = 1, memory: Int = 100
    ) -> SubscriberClient {
        let client = SubscriberClient(
            line:
                "id=1 addr=\(address) laddr=10.0.0.9:6379 fd=8 name=\(name) age=1 idle=0 flags=P db=0 sub=\(sub) psub=0 "
                + "multi=-1 oll=0 omem=\(waiting) tot-mem=\(memory) events=r cmd=subscribe")
        guard let client else { preconditionFailure("the line is no client's") }
        return client
    }

    @Test(arguments: [
        ("10.0.0.1:50001", "10.0.0.1"), ("[::1]:50001", "::1"), ("::1:50001", "::1"), ("/run/redis.sock:0", "unix"),
        ("?:0", "?"), ("", "unix"),
    ])
    func addressesHaveNoPort(address: String, expected: String) {
        #expect(SubscriberClient.withoutPort(address) == expected)
    }

    @Test func missingFieldsAreNotInvented() throws {
        let client = try #require(SubscriberClient(line: "id=1 addr=1.2.3.4:5 name= omem=7"))
        #expect(client.name == "unnamed")
        #expect(client.memory == nil)
        #expect(client.channels == 0)
        #expect(SubscriberClient(line: "id=1 name=x") == nil)
        #expect(SubscriberClient(line: "") == nil)
    }

    @Test func namesHaveNoControlSequencesAndALimitedLength() {
        #expect(Self.client("a\u{1B}[2Jb").name == "a\u{FFFD}[2Jb")
        #expect(Self.client(String(repeating: "x", count: 500)).name.count == 80)
    }

    @Test func clientsWithTheSameNameAndAddressShareARow() {
        var table = SubscriberTable()
        table.look(
            [
                Self.client("web1", "10.0.0.1:1", waiting: 5), Self.client("web1", "10.0.0.1:2", waiting: 9),
                Self.client("web1", "10.0.0.2:1"),
            ], at: 0)
        #expect(table.rows.count == 2)
        let row = table.rows[.init(name: "web1", address: "10.0.0.1")]
        #expect(row?.connections == 2)
        #expect(row?.waiting == 9)
        #expect(row?.memory == 200)
    }

    @Test func aSubscriberBehindInTwoChecksIsSlow() {
        let key = SubscriberTable.Key(name: "web1", address: "10.0.0.1")
        var table = SubscriberTable()
        let waits = [0, 2 << 20, 0, 2 << 20, 3 << 20, 1 << 20, 100, 2 << 20]
        let slow = waits.enumerated().map { index, waiting in
            table.look([Self.client("web1", waiting: waiting)], at: UInt64(index) * 5 * Self.second)
            return table.rows[key]?.isSlow
        }
        #expect(slow == [false, false, false, false, true, true, false, false])
    }

    @Test func disconnectedSubscribersStayForTenMinutes() {
        let key = SubscriberTable.Key(name: "web1", address: "10.0.0.1")
        var table = SubscriberTable()
        table.look([Self.client("web1", waiting: 7)], at: 0)
        table.look([], at: 599 * Self.second)
        #expect(table.rows[key]?.connections == 0)
        #expect(table.rows[key]?.waiting == 0)
        table.look([], at: 600 * Self.second)
        #expect(table.rows[key] == nil)
    }

    @Test func beyondAHundredTheyAreOther() {
        var table = SubscriberTable()
        table.look((0..<150).map { Self.client("web\($0)", waiting: $0) }, at: 0)
        #expect(table.rows.count == 101)
        #expect(table.rows[.other]?.connections == 50)
        #expect(table.rows[.other]?.waiting == 149)
        // Existing rows stay; rows of disconnected clients are reused.
        table.look([Self.client("web200")], at: 700 * Self.second)
        table.look([Self.client("web200"), Self.client("web201")], at: 1_400 * Self.second)
        #expect(table.rows[.init(name: "web201", address: "10.0.0.1")]?.connections == 1)
    }

    @Test func listeningCountsSubscribersOfChannels() {
        var table = SubscriberTable()
        table.look(
            [
                Self.client("web1"), Self.client("web1", "10.0.0.1:2", sub: 2), Self.client("patterns", sub: 0),
                Self.client("sentinel-8a3f-pubsub", sub: 1),
            ], at: 0)
        #expect(table.listening == 2)
        #expect(table.sorted.count == 3)
    }
}
