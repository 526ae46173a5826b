import Redis
import TestSupport
import Testing

/// A node that was not subscribed for a while missed messages, although the relay received them all.
@Suite("Nodes that reconnect", .needs(.redisServer), .timeLimit(.minutes(2)))
struct NodeReturnTests {
    private static let name = "WEB7(SE.Redis-v2.9.32)"
    private static func series(_ metric: String, _ name: String) -> String {
        "signalr_backplane_subscriber_\(metric){name=\"\(name)\",ip=\"127.0.0.1\"}"
    }

    private static func subscribe(_ client: RedisClient, as name: String) async throws {
        try await client.send(["CLIENT", "SETNAME", .text(name)])
        try await client.send(["SUBSCRIBE", "chat"])
    }

    @Test("is named and counted; a new node, and the relay itself, are not")
    func named() async throws {
        try await RedisServer.with { redis in
            try await RelayProcess.with(["--redis", redis.url, "--channel", "chat"]) { relay in
                try await redis.withClient { node in
                    try await Self.subscribe(node, as: Self.name)
                    try await relay.waitForMetrics("the node is listed", within: .seconds(30)) {
                        $0[Self.series("reconnects_total", Self.name)] == 0
                    }
                }
                // This ends the relay's subscription too.
                try await redis.command(["CLIENT", "KILL", "TYPE", "pubsub"])
                try await redis.withClient { node in
                    try await Self.subscribe(node, as: Self.name)
                    try await redis.withClient { other in
                        try await Self.subscribe(other, as: "WEB8")
                        try await relay.waitForMetrics("the reconnect is counted", within: .seconds(30)) {
                            $0[Self.series("reconnects_total", Self.name)] == 1
                                && $0[Self.series("connections", "WEB8")] == 1
                        }
                    }
                }
                let shown = try await relay.metrics()
                #expect(shown[Self.series("reconnects_total", "WEB8")] == 0)
                #expect(shown[Self.series("connections", "backplane-relay")] == 1)
                #expect(shown[Self.series("reconnects_total", "backplane-relay")] == nil)
                let lines = relay.child.errors.split(separator: "\n").filter {
                    $0.contains("missed what was published")
                }
                #expect(lines.count == 1 && lines[0].contains("WEB7"), "\(relay.child.errors)")
            }
        }
    }
}
