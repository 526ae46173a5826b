import Backplane
import Capture
import Redis
import Testing

@testable import Replay

@Suite struct ReplayGuardTests {
    private static let names: [String: Set<String>] = [
        "prod": ["10.0.0.1"], "prod.example": ["10.0.0.1", "fd00::1"], "staging": ["10.0.0.2"],
        "localhost": ["127.0.0.1", "::1"], "here.example": ["10.0.0.9"],
    ]

    private func target(_ endpoint: String, runID: String?) -> ReplayTarget {
        ReplayTarget(
            endpoint: endpoint,
            server: runID.map { RedisServerInfo(infoText: "run_id:\($0)\r\nredis_version:7\r\n") })
    }

    private func makeGuard(
        _ redis: String, runID: String?, channels: OrdinalNameMap<String> = ["chat": "chat"], here: String = "here",
        options: ReplayOptions = ReplayOptions(), runIDs: Set<String> = []
    ) -> ReplayGuard {
        ReplayGuard(
            sources: [CaptureSource(relayVersion: "1", host: "recorder", redis: redis, runID: runID)], runIDs: runIDs,
            channels: channels, options: options, host: here, ownAddresses: ["127.0.0.1", "10.0.0.9"],
            resolve: { Self.names[$0] ?? ($0.contains(".") || $0.contains(":") ? [$0] : []) })
    }

    static let cases: [(String, String?, String, String?, OrdinalNameMap<String>, String, Bool)] = [
        // Another address of the same process.
        ("prod:6379", "r1", "10.9.9.9:7000", "r1", ["chat": "chat"], "here", true),
        // The same server, another event key.
        ("prod:6379", "r1", "prod:6379", "r1", ["chat": "chat-staging"], "here", false),
        ("prod:6379", "r1", "prod:6379", "r1", ["chat": "news", "news": "x"], "here", true),
        // Restarted since, or unknown: the address decides, in any spelling.
        ("prod:6379", "r1", "prod:6379", "r2", ["chat": "chat"], "here", true),
        ("prod:6379", nil, "prod:6379", nil, ["chat": "chat"], "here", true),
        ("prod:6379", "r1", "10.0.0.1:6379", "r2", ["chat": "chat"], "here", true),
        ("prod:6379", "r1", "[fd00::1]:6379", "r2", ["chat": "chat"], "here", false),
        ("prod.example:6379", "r1", "[fd00::1]:6379", "r2", ["chat": "chat"], "here", true),
        ("a:1,prod:6379", "r1", "10.0.0.1:6379", "r2", ["chat": "chat"], "here", true),
        ("prod:6379", "r1", "prod:6380", "r2", ["chat": "chat"], "here", false),
        ("prod:6379", "r1", "staging:6379", "r2", ["chat": "chat"], "here", false),
        ("s1:26379,s2:26379/mymaster", "r1", "s1:26379", "r2", ["chat": "chat"], "here", false),
        // A loopback address means a different machine everywhere.
        ("127.0.0.1:6379", "r1", "127.0.0.1:6379", "r2", ["chat": "chat"], "here", false),
        ("127.0.0.1:6379", "r1", "localhost:6379", "r2", ["chat": "chat"], "recorder", true),
        ("unix:/run/redis.sock", "r1", "unix:/run/redis.sock", "r2", ["chat": "chat"], "recorder", true),
        ("unix:/run/redis.sock", "r1", "unix:/run/redis.sock", "r2", ["chat": "chat"], "here", false),
        // Recorded from elsewhere, replayed on the server's own machine.
        ("here.example:6379", "r1", "127.0.0.1:6379", "r2", ["chat": "chat"], "here", true),
    ]

    @Test("the master of a recorded replica is its source: by the history of its data, from metadata or events")
    func masterOfTheReplica() {
        var target = ReplayTarget(
            endpoint: "10.9.9.9:1",
            server: RedisServerInfo(infoText: "run_id:r2\r\nmaster_replid:h\r\nrole:master\r\n"))
        var check = makeGuard("prod:6379", runID: "r1")
        #expect(check.objection(to: target) == nil)
        check.histories = ["h"]
        #expect(check.objection(to: target) != nil)
        check.histories = []
        check.sources[0].masterReplid = "h"
        #expect(check.objection(to: target) != nil)
        target.server = RedisServerInfo(infoText: "run_id:r2\r\nmaster_replid:other\r\n")
        #expect(check.objection(to: target) == nil)
    }

    @Test(arguments: cases)
    func source(
        redis: String, runID: String?, endpoint: String, found: String?, channels: OrdinalNameMap<String>, host: String,
        refused: Bool
    ) {
        let target = target(endpoint, runID: found)
        let objection = makeGuard(redis, runID: runID, channels: channels, here: host).objection(to: target)
        #expect((objection != nil) == refused)
        let options = ReplayOptions(allowsSource: true)
        #expect(
            makeGuard(redis, runID: runID, channels: channels, here: host, options: options).objection(to: target)
                == nil)
    }

    @Test func aLaterServerOfTheRecordingIsTheSourceToo() {
        let target = target("10.7.7.7:1", runID: "r2")
        #expect(makeGuard("prod:6379", runID: "r1").objection(to: target) == nil)
        #expect(makeGuard("prod:6379", runID: "r1", runIDs: ["r1", "r2"]).objection(to: target) != nil)
    }

    @Test(
        "captured ids need a counter below them, and no subscribers",
        arguments: [
            (4, 0, nil), (5, 0, "rebase"), (99, 0, "rebase"), (0, 1, "stop them"), (nil, 0, "GET"), (0, nil, "NUMSUB"),
        ] as [(UInt64?, Int?, String?)])
    func preserve(counter: UInt64?, subscribers: Int?, mentions: String?) {
        var target = target("t:1", runID: "r")
        target.counters["chat"] = counter
        target.subscribers["chat"] = subscribers
        func objection(_ options: ReplayOptions) -> ReplayError? {
            makeGuard("prod:6379", runID: "r1", options: options).objection(toIDsAt: target, firstIDs: ["chat": 5])
        }
        let refusal = objection(ReplayOptions(ids: .preserve))
        #expect((refusal == nil) == (mentions == nil))
        if let mentions { #expect(refusal?.description.contains(mentions) == true) }
        #expect(objection(ReplayOptions(ids: .preserve, forcesIDs: true)) == nil)
        #expect(objection(ReplayOptions(ids: .rebase)) == nil)
    }
}
