import Backplane
import Redis
import TestSupport
import Testing

/// Metrics of ASP.NET Core hubs: from publications, and from Redis' data about nodes.
@Suite("Metrics of ASP.NET Core", .serialized, .needs(.redisServer))
struct CoreMetricsTests {
    private static func series(_ name: String, _ hub: CoreHub, _ labels: String = "") -> String {
        "signalr_backplane_\(name){channel=\"\(hub.topic)\",backplane=\"core\"\(labels)}"
    }

    /// In addition to a node: the subscriptions of each node at its start.
    private func withNode<Value>(
        of hub: CoreHub, _ server: String, _ redis: RedisServer, _ body: () async throws -> Value
    ) async throws -> Value {
        try await TemporaryDirectory.with { folder in
            let channels = [
                hub.channel(.all), hub.channel(.groupCommand), hub.channel(.ack, server), hub.channel(.result, server),
            ]
            let node = try await ChildProcess.start(
                Tool.redisCLI.requiredPath(), ["-p", "\(redis.port)", "SUBSCRIBE"] + channels, folder: folder)
            do {
                let value = try await body()
                await node.terminate()
                return value
            } catch {
                await node.terminate()
                throw error
            }
        }
    }

    @Test("envelopes of real nodes, by kind and protocol, separate from an event key of the same name")
    func vectors() async throws {
        let vectors = try #require(try CoreVectors.all().first { $0.hub.prefix.isEmpty })
        let hub = vectors.hub
        try await RedisServer.with { redis in
            let arguments = [
                "--redis", redis.url, "--core-hub", hub.type, "--core-connections", "--channel", hub.topic,
            ]
            try await RelayProcess.with(arguments) { relay in
                for payload in vectors.payloads {
                    try await redis.command(["PUBLISH", .bytes(payload.channel), .bytes(payload.payload)])
                }
                try await redis.command(["PUBLISH", .text(hub.topic), "1 "])
                try await relay.waitForMetric(Self.series("envelopes_total", hub), atLeast: vectors.payloads.count)
                let shown = try await relay.metrics()
                #expect(shown[Self.series("envelopes_total", hub)] == Double(vectors.payloads.count))
                for kind in CoreKind.allCases {
                    let count = vectors.payloads.count { $0.kind == kind }
                    #expect(shown[Self.series("messages_total", hub, ",kind=\"\(kind.label)\"")] == Double(count))
                }
                #expect(
                    shown[Self.series("protocol_envelopes_total", hub, ",protocol=\"json\"")]
                        == Double(
                            vectors.payloads.count { [.all, .group, .user, .connection, .result].contains($0.kind) })
                )
                #expect(shown[Self.series("protocol_missing_total", hub, ",protocol=\"messagepack\"")] == 0)
                #expect(shown[Self.series("gaps_total", hub)] == nil && shown[Self.series("last_id", hub)] == nil)
                let ofKey = "signalr_backplane_envelopes_total{channel=\"\(hub.topic)\",backplane=\"signalr2\"}"
                try await relay.waitForMetric(ofKey, atLeast: 1)
                #expect(try await relay.metric(ofKey) == 1)
            }
        }
    }

    @Test("nodes and subscribers of hubs follow Redis, also for a hub that appears later")
    func nodes() async throws {
        let (chat, news) = (
            CoreHub(prefix: "app:", type: "Chat.Hubs.ChatHub"), CoreHub(prefix: "app:", type: "NewsHub")
        )
        try await RedisServer.with { redis in
            try await withNode(of: chat, "web1_1", redis) {
                try await RelayProcess.with(["--redis", redis.url, "--core", "--channel-prefix", "app:"]) { relay in
                    func wait(_ what: String, _ isSo: ([String: Double]) -> Bool) async throws {
                        try await relay.waitForMetrics(what, within: .seconds(40), isSo)
                    }
                    try await wait("one node, and the relay") { shown in
                        shown[Self.series("nodes", chat)] == 1 && shown[Self.series("subscribers", chat)] == 2
                    }
                    try await withNode(of: chat, "web2_1", redis) {
                        try await withNode(of: news, "web2_2", redis) {
                            try await wait("two nodes, and another hub") { shown in
                                shown[Self.series("nodes", chat)] == 2 && shown[Self.series("subscribers", chat)] == 3
                                    && shown[Self.series("up", news)] == 1 && shown[Self.series("nodes", news)] == 1
                                    && shown[Self.series("subscribers", news)] == 2
                            }
                        }
                    }
                    try await wait("a node less; of the other hub the relay alone listens") { shown in
                        shown[Self.series("nodes", chat)] == 1 && shown[Self.series("subscribers", chat)] == 2
                            && shown[Self.series("nodes", news)] == 0 && shown[Self.series("subscribers", news)] == 1
                    }
                    try await redis.command(["ACL", "SETUSER", "default", "-pubsub|channels"])
                    try await wait("nodes cannot be queried") { shown in
                        shown[Self.series("nodes", chat)] == nil && shown[Self.series("subscribers", chat)] == 2
                    }
                }
            }
        }
    }
}
