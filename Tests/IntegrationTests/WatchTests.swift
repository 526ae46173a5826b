import Redis
import TestSupport
import Testing

/// Values queried from Redis are shown only while Redis responds.
@Suite("Values queried from Redis", .serialized, .needs(.redisServer))
struct WatchTests {
    private static let subscribers = #"signalr_backplane_subscribers{channel="chat",backplane="signalr2"}"#
    private static let issuedID = #"signalr_backplane_issued_id{channel="chat",backplane="signalr2"}"#
    private static let outputBuffer = "backplane_relay_redis_output_buffer_bytes"
    private static let outputBufferLimit = "backplane_relay_redis_output_buffer_limit_bytes"
    private static let asked = [
        subscribers, issuedID, #"signalr_backplane_unseen_ids{channel="chat",backplane="signalr2"}"#,
        #"signalr_backplane_silent{channel="chat",backplane="signalr2"}"#, outputBuffer,
    ]

    private func with(_ body: (RelayProcess, RedisServer) async throws -> Void) async throws {
        try await RedisServer.with { redis in
            try await redis.command(["SET", "chat", "12"])
            try await redis.command(["LPUSH", "list", "no counter"])
            let arguments = ["--redis", redis.url, "--channel", "list", "--channel", "chat"]
            try await RelayProcess.with(arguments) { relay in
                try await wait(relay, "all is answered") { shown in
                    (Self.asked + [Self.outputBufferLimit]).allSatisfy { shown[$0] != nil }
                }
                try await body(relay, redis)
            }
        }
    }

    private func wait(_ relay: RelayProcess, _ what: String, _ isSo: ([String: Double]) -> Bool) async throws {
        try await relay.waitForMetrics(what, within: .seconds(30), isSo)
    }

    @Test("while Redis is down no stale values are shown; when it is back, current ones")
    func outage() async throws {
        try await with { relay, redis in
            await redis.stop()
            try await wait(relay, "no answer is shown") { shown in Self.asked.allSatisfy { shown[$0] == nil } }
            let shown = try await relay.metrics()
            #expect(shown[#"signalr_backplane_up{channel="chat",backplane="signalr2"}"#] == 0)
            #expect(shown[Self.outputBufferLimit] == 33_554_432, "the limit is a setting: it must stay")
            #expect(
                shown[#"signalr_backplane_envelopes_total{channel="chat",backplane="signalr2"}"#] == 0,
                "counts must stay")

            // It is not persistent: the counter does not exist yet.
            try await redis.start()
            try await wait(relay, "the subscriber is counted") { $0[Self.subscribers] == 1 }
            #expect(try await relay.metrics()[Self.issuedID] == nil)
            try await redis.command(["INCR", "chat"])
            try await wait(relay, "the counter is shown") { $0[Self.issuedID] == 1 }
        }
    }

    @Test("a missing or invalid counter has no value; another channel keeps its value; a raised limit is detected")
    func answers() async throws {
        try await with { relay, redis in
            #expect(
                try await relay.metrics()[#"signalr_backplane_issued_id{channel="list",backplane="signalr2"}"#] == nil)
            try await redis.command(["DEL", "chat"])
            try await redis.command(["DEL", "list"])
            try await redis.command(["SET", "list", "7"])
            try await redis.command(["CONFIG", "SET", "client-output-buffer-limit", "pubsub 64mb 8mb 60"])
            try await wait(relay, "each shows what is so now") { shown in
                shown[Self.issuedID] == nil
                    && shown[#"signalr_backplane_issued_id{channel="list",backplane="signalr2"}"#] == 7
                    && shown[Self.outputBufferLimit] == 67_108_864
            }
            #expect(try await relay.metrics()[Self.subscribers] == 1)
        }
    }

    @Test("after a permission is revoked, its data is no longer shown")
    func permission() async throws {
        try await with { relay, redis in
            try await redis.command(["ACL", "SETUSER", "default", "-pubsub"])
            try await wait(relay, "the number of subscribers is gone") { $0[Self.subscribers] == nil }
            #expect(try await relay.metrics()[Self.issuedID] == 12)
        }
    }
}
