import Foundation
import HubNode
import Loopback
import Redis
import TestSupport
import Testing

/// What a hub's clients receive while Redis, or a connection to it, is unavailable, and the commands sent later.
@Suite("ASP.NET Core's clients while Redis is unavailable", .serialized, .needs(editions: .redis7, .valkey9))
struct CoreRedisAwayTests {
    private static let editions = [RedisEdition.redis7, .valkey9]
    private static let close = #"{"type":7"#
    /// The channels of one node with one client, which has a user name and is in a group.
    private static let channels = [
        ":all", ":connection:*", ":group:room", ":internal:ack:*", ":internal:groups", ":internal:return:*",
        ":user:alice",
    ]

    private func withNode(
        _ edition: RedisEdition, _ configure: @escaping (inout CoreHubSettings) -> Void = { _ in },
        _ body: (_ redis: RedisServer, _ port: Int, _ wire: CoreWire) async throws -> Void
    ) async throws {
        try await RedisServer.with(edition: edition) { redis in
            try await TestHubNode.with(
                redis: redis, channel: "",
                configure: { configuration in
                    var settings = CoreHubSettings(
                        backplane: CoreBackplaneSettings(hubType: "Chat.Hubs.ChatHub", channelPrefix: "app:"))
                    configure(&settings)
                    configuration.core = settings
                }
            ) { port in
                try await CoreWire.connected(port: port, "?user=alice") { wire in
                    try await wire.call("join", "joinGroup", #""room""#)
                    try await CoreChannels(redis: redis).wait(for: Self.channels)
                    try await body(redis, port, wire)
                }
            }
        }
    }

    /// Kills connections to Redis and waits until they are restored.
    private func kill(_ type: String, of redis: RedisServer) async throws {
        let before = try await ids(type, of: redis)
        #expect(!before.isEmpty)
        for id in before { try await redis.command(["CLIENT", "KILL", "ID", "\(id)"]) }
        try await eventually("\(type) connections are there again") {
            let now = try await ids(type, of: redis)
            return now.count >= before.count && now.isDisjoint(with: before) ? true : nil
        }
    }

    private func ids(_ type: String, of redis: RedisServer) async throws -> Set<Int> {
        let list = try await redis.command(["CLIENT", "LIST", "TYPE", .text(type)]).text ?? ""
        return Set(
            list.split(separator: "\n").filter { $0.contains("name=backplane-relay") || $0.contains("cmd=publish") }
                .compactMap { $0.firstMatch(of: #/^id=(\d+)/#).flatMap { Int($0.1) } })
    }

    private func metric(_ name: String, _ port: Int) async throws -> Double? {
        try await MetricsScrape.read(port: port)["backplane_relay_hub_" + name]
    }

    @Test(
        "the subscription is killed: everything is subscribed again; clients stay connected and are not informed",
        arguments: editions)
    func subscriptionKilled(edition: RedisEdition) async throws {
        try await withNode(edition) { redis, port, wire in
            try await kill("pubsub", of: redis)
            try await CoreChannels(redis: redis).wait(for: Self.channels)
            try await eventually("the gap is counted") {
                try await metric("core_gaps_total", port) == 1 ? true : nil
            }
            try await wire.call("send", "sendToGroup", #""room","me","again""#)
            try await wire.hear(#"{"type":1,"target":"groupMessage","arguments":["room","me","again"]}"#)
            #expect(!wire.heard.contains { $0.hasPrefix(Self.close) || $0.hasPrefix("<") })
            #expect(try await metric("core_gap_disconnects_total", port) == 0)
            #expect(try await metric("core_up", port) == 1)
        }
    }

    @Test(
        "only the publishing connection is killed: nothing is missed, and no gap is counted", arguments: editions)
    func publisherKilled(edition: RedisEdition) async throws {
        try await withNode(edition) { redis, port, wire in
            // Its last command then distinguishes it from the test's connections.
            try await wire.call("first", "send", #""me","first""#)
            try await wire.hear(#"{"type":1,"target":"broadcastMessage","arguments":["me","first"]}"#)
            try await kill("normal", of: redis)
            try await eventually("the node publishes again") {
                try await metric("core_up", port) == 1 ? true : nil
            }
            try await wire.call("second", "send", #""me","second""#)
            try await wire.hear(#"{"type":1,"target":"broadcastMessage","arguments":["me","second"]}"#)
            #expect(try await metric("core_gaps_total", port) == 0)
        }
    }

    @Test(
        "Redis is restarted: calls fail meanwhile, new clients are refused, then everything is subscribed again",
        arguments: editions)
    func restarted(edition: RedisEdition) async throws {
        try await withNode(edition) { redis, port, wire in
            await redis.stop()
            try await eventually("the outage is seen") { try await metric("core_up", port) == 0 ? true : nil }
            #expect(try await HTTPAnswer.get(port: port, "/-/ready")?.status == 503)
            let failed = try await wire.call("away", "send", #""me","lost""#)
            #expect(
                failed
                    == #"{"type":3,"invocationId":"away","error":"An unexpected error occurred invoking 'send' on the server."}"#
            )
            #expect(try await metric("publish_errors_total", port) == 1)
            // Like a real node, it answers the handshake; its close message then allows a reconnect.
            try await CoreWire.connected(port: port) { late in
                try await late.hear(
                    #"{"type":7,"error":"Connection closed with an error.","allowReconnect":true}"#)
                try await late.hear("<closed 1000>")
            }
            // Calls that do not need Redis still work.
            #expect(try await wire.call("local", "echo", "1") == #"{"type":3,"invocationId":"local","result":1}"#)
            try await redis.start()
            try await CoreChannels(redis: redis).wait(for: Self.channels)
            try await eventually("the node is back") { try await metric("core_up", port) == 1 ? true : nil }
            try await wire.call("back", "send", #""me","back""#)
            try await wire.hear(#"{"type":1,"target":"broadcastMessage","arguments":["me","back"]}"#)
            #expect(!wire.heard.contains { $0.hasPrefix(Self.close) || $0.hasPrefix("<") || $0.contains("lost") })
            #expect(try await metric("core_gaps_total", port) == 1)
        }
    }

    @Test("with --reconnect-after-gap each client is asked to reconnect, spread over a period", arguments: editions)
    func reconnectAfterGap(edition: RedisEdition) async throws {
        try await withNode(
            edition,
            {
                $0.reconnectsAfterGap = true
                $0.timing.gapSpread = .seconds(3)
            }
        ) { redis, port, wire in
            try await CoreWire.connected(port: port, "?user=bob") { other in
                try await CoreChannels(redis: redis).wait(for: Self.channels + [":connection:*", ":user:bob"])
                try await kill("pubsub", of: redis)
                let told = #"{"type":7,"error":"Connection closed with an error.","allowReconnect":true}"#
                for client in [wire, other] {
                    try await client.hear(told)
                    try await client.hear("<closed 1000>")
                }
                #expect(try await metric("core_gap_disconnects_total", port) == 2)
                // Their channels are unsubscribed.
                try await CoreChannels(redis: redis).wait(
                    for: [":all", ":internal:ack:*", ":internal:groups", ":internal:return:*"])
            }
            // A client that has reconnected is not asked again.
            try await CoreWire.connected(port: port) { back in
                try await back.call("1", "send", #""me","back""#)
                try await back.hear(#"{"type":1,"target":"broadcastMessage","arguments":["me","back"]}"#)
                #expect(!back.heard.contains { $0.hasPrefix(Self.close) })
            }
        }
    }

    @Test("a stopping node unsubscribes from everything and sends close messages")
    func stopped() async throws {
        try await RedisServer.with { redis in
            try await TestHubNode.with(
                redis: redis, channel: "",
                configure: {
                    $0.core = CoreHubSettings(
                        backplane: CoreBackplaneSettings(hubType: "Chat.Hubs.ChatHub", channelPrefix: "app:"))
                }
            ) { port in
                try await CoreWire.connected(port: port) { _ in
                    let names = try await CoreChannels(redis: redis).subscribed()
                    #expect(!names.isEmpty)
                }
            }
            try await CoreChannels(redis: redis).wait(for: [])
        }
    }
}
