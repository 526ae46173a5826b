import Capture
import Redis
import Testing

@testable import Replay

@Suite struct ReplayGuardTests {
    private func source(_ redis: String, runID: String?, host: String = "recorder") -> CaptureSource {
        CaptureSource(relayVersion: "1", host: host, redis: redis, runID: runID)
    }

    private func target(_ endpoint: String, runID: String?) -> ReplayTarget {
        ReplayTarget(
            endpoint: endpoint,
            server: runID.map { RedisServerInfo(infoText: "run_id:\($0)\r\nredis_version:7\r\n") })
    }

    static let cases: [(String, String?, String, String?, [String: String], String, Bool)] = [
        // Another way to the same process.
        ("prod:6379", "r1", "10.0.0.1:6379", "r1", ["chat": "chat"], "here", true),
        // The same server, another event key.
        ("prod:6379", "r1", "prod:6379", "r1", ["chat": "chat-staging"], "here", false),
        ("prod:6379", "r1", "prod:6379", "r1", ["chat": "news", "news": "x"], "here", true),
        // Restarted since, or not known.
        ("prod:6379", "r1", "prod:6379", "r2", ["chat": "chat"], "here", true),
        ("prod:6379", nil, "prod:6379", nil, ["chat": "chat"], "here", true),
        ("prod:6379", "r1", "staging:6379", "r2", ["chat": "chat"], "here", false),
        // A loopback address is another machine everywhere.
        ("127.0.0.1:6379", "r1", "127.0.0.1:6379", "r2", ["chat": "chat"], "here", false),
        ("127.0.0.1:6379", "r1", "127.0.0.1:6379", "r2", ["chat": "chat"], "recorder", true),
    ]

    @Test(arguments: cases)
    func source(
        redis: String, runID: String?, endpoint: String, found: String?, channels: [String: String], host: String,
        refused: Bool
    ) {
        let (sources, target) = ([source(redis, runID: runID)], target(endpoint, runID: found))
        let objection = ReplayGuard.objection(
            to: target, sources: sources, channels: channels, host: host, options: ReplayOptions())
        #expect((objection != nil) == refused)
        let allowed = ReplayGuard.objection(
            to: target, sources: sources, channels: channels, host: host, options: ReplayOptions(allowsSource: true))
        #expect(allowed == nil)
    }

    @Test(
        "captured ids need a counter below them, and nobody who listens",
        arguments: [
            (4, 0, nil), (5, 0, "rebase"), (99, 0, "rebase"), (0, 1, "stop them"), (nil, 0, "GET"),
        ] as [(UInt64?, Int, String?)])
    func preserve(counter: UInt64?, subscribers: Int, mentions: String?) {
        var target = target("t:1", runID: "r")
        target.counters["chat"] = counter
        target.subscribers["chat"] = subscribers
        func objection(_ options: ReplayOptions) -> ReplayError? {
            ReplayGuard.objectionToIDs(of: target, firstIDs: ["chat": 5], options: options)
        }
        let objection1 = objection(ReplayOptions(ids: .preserve))
        #expect((objection1 == nil) == (mentions == nil))
        if let mentions { #expect(objection1?.description.contains(mentions) == true) }
        #expect(objection(ReplayOptions(ids: .preserve, forcesIDs: true)) == nil)
        #expect(objection(ReplayOptions(ids: .rebase)) == nil)
    }
}
