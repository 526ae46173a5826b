import Redis
import Testing

@testable import Relay

@Suite struct MasterLossTests {
    private static let lost = MasterLoss(master: "b:1", since: 5)

    static let changes: [(MasterLoss?, WatchedRole?, MasterLoss.Change)] = [
        (nil, .master, .none),
        (nil, nil, .none),
        (nil, .replica(of: "b:1"), .demoted(MasterLoss(master: "b:1", since: 9))),
        (nil, .replica(of: nil), .demoted(MasterLoss(master: nil, since: 9))),
        (lost, .replica(of: "b:1"), .none),
        // A role without the master's address contradicts nothing.
        (lost, .replica(of: nil), .none),
        (lost, .replica(of: "c:1"), .moved(MasterLoss(master: "c:1", since: 5))),
        (lost, nil, .none),
        (lost, .master, .promoted),
    ]

    @Test(arguments: changes)
    func change(from loss: MasterLoss?, by role: WatchedRole?, expected: MasterLoss.Change) {
        #expect(MasterLoss.change(from: loss, by: role, at: 9) == expected)
    }

    static let infos: [(String, WatchedRole?)] = [
        ("# Replication\r\nrole:master\r\nconnected_slaves:0\r\n", .master),
        ("# Replication\r\nrole:slave\r\nmaster_host:10.0.0.2\r\nmaster_port:6379\r\n", .replica(of: "10.0.0.2:6379")),
        ("role:slave\r\n", .replica(of: nil)),
        ("", nil),
    ]

    @Test(arguments: infos) func byInfo(text: String, expected: WatchedRole?) {
        #expect(WatchedRole(info: text) == expected)
    }

    static let refusals: [(RedisError, WatchedRole?)] = [
        (.replica(endpoint: "a:1", master: "b:1"), .replica(of: "b:1")),
        (.demotedMaster(endpoint: "a:1", name: "mymaster"), .replica(of: nil)),
        (
            .serverError(
                command: "GET", reply: "MASTERDOWN Link with MASTER is down and replica-serve-stale-data is set"),
            .replica(of: nil)
        ),
        (.serverError(command: "GET", reply: "WRONGTYPE Operation against a key"), nil),
        (.connectionClosed(endpoint: "a:1"), nil),
    ]

    @Test(arguments: refusals) func byRefusal(error: RedisError, expected: WatchedRole?) {
        #expect(WatchedRole(refusal: error) == expected)
    }
}
