import Backplane
import Logging
import Loopback
import NIOCore
import Preflight
import Redis
import Relay
import TestSupport
import Testing

/// Hubs that come and go while the replication stream carries the channels.
@Suite("Replication tap and hubs", .needs(.redisServer), .timeLimit(.minutes(3)))
struct TapHubTests {
    private static let hub = CoreHub(prefix: "app:", type: "ChatHub")
    private static let series = #"{channel="app:ChatHub",backplane="core"}"#

    private static func metric(_ relay: InProcessRelay, _ name: String) async throws -> Double? {
        try await MetricsScrape.read(port: relay.port)[name]
    }

    private static func wait(_ relay: InProcessRelay, _ name: String, _ value: Double?) async throws {
        try await eventually("\(name) is \(value.map { "\($0)" } ?? "absent")", within: .seconds(60)) {
            try await metric(relay, name) == value ? true : nil
        }
    }

    @Test("a hub that is found is read from the stream, and the relay is none of its subscribers")
    func comeAndGo() async throws {
        try await RedisServer.with { redis in
            var attachment = CoreAttachment(prefix: Self.hub.prefix, hubs: [], findsHubs: true)
            attachment.emptyHubTime = .seconds(3)
            var configuration = RelayConfiguration(
                redis: redis.configuration, backplanes: [.signalR2(key: "chat")], core: attachment,
                web: WebConfiguration(port: 0), version: "1", hostName: "h")
            configuration.tap = TapPolicy()
            let logger = Logger(label: "test") { _ in SwiftLogNoOpLogHandler() }
            let payload = CorePayload.invocation(CoreInvocation(excluded: [], frames: [])).encoded()
            let channel = RESPArgument.bytes(Self.hub.channel(.group, Array("g".utf8)))
            try await InProcessRelay.run(RelayParts(configuration, logger: logger), logger: logger) { relay in
                try await Self.wait(relay, "backplane_relay_tap_up", 1)
                for round in 1...2 {
                    try await redis.withCoreNode(Self.hub) {
                        try await Self.wait(relay, "signalr_backplane_up" + Self.series, 1)
                        let name = RESPArgument.bytes(Self.hub.channel(.all, []))
                        let counted = try await redis.command(["PUBSUB", "NUMSUB", name]).array?.last?.integer
                        #expect(counted == 1, "only the node")
                        try await redis.command(["PUBLISH", channel, .bytes(payload)])
                        try await Self.wait(relay, "signalr_backplane_envelopes_total" + Self.series, Double(round))
                    }
                    try await Self.wait(relay, "backplane_relay_watched_hubs", 0)
                }
            }
        }
    }
}
