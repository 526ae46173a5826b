import Foundation
import HubNode
import JSON
import Loopback
import Redis
import TestSupport
import Testing

/// Each timeout with its real messages, statuses and commands to Redis, but shorter than by default
/// (`CoreClientTimeTests` checks the defaults).
@Suite("Timeouts of ASP.NET Core's clients", .serialized, .needs(.redisServer))
struct CoreTimeTests {
    /// The chat hub, with a method that changes the groups of other clients.
    private static let hub = Hub("chatHub") { hub in
        hub = .chat
        hub.on("addTo") { (call: HubCall, group: String, id: String) in try await call.groups.add(id, to: group) }
    }

    private func withNode(
        _ configure: @escaping (inout HubNodeConfiguration) -> Void = { _ in },
        timing: @escaping (inout CoreHubTiming) -> Void = { _ in },
        _ body: (_ redis: RedisServer, _ port: Int) async throws -> Void
    ) async throws {
        try await RedisServer.with { redis in
            try await TestHubNode.with(
                redis: redis, channel: "", hubs: [Self.hub],
                configure: { configuration in
                    configuration.detailedErrors = true
                    var settings = CoreHubSettings(
                        backplane: CoreBackplaneSettings(hubType: "Chat.Hubs.ChatHub", channelPrefix: "app:"))
                    timing(&settings.timing)
                    configuration.core = settings
                    configure(&configuration)
                }
            ) { port in try await body(redis, port) }
        }
    }

    private func negotiate(_ port: Int, _ query: String = "?negotiateVersion=1") async throws -> String {
        let answer = try await RawHTTP.with(port: port, "POST", "/chathub/negotiate" + query) {
            try await $0.rest()
        }
        return try #require(answer.firstMatch(of: #/"connectionToken":"([^"]+)"/#).map { String($0.1) })
    }

    private func status(_ port: Int, _ method: String, _ target: String, _ body: String? = nil) async throws -> Int {
        try await RawHTTP.with(port: port, method, target, form: body) { $0.status }
    }

    @Test("a client that sends no handshake is refused, and its connection is closed")
    func handshake() async throws {
        try await withNode(timing: { $0.handshake = .seconds(1) }) { _, port in
            try await CoreWire.with(port: port) { wire in
                try await wire.hear(#"{"error":"Handshake was canceled."}"#)
                try await wire.hear("<closed 1000>")
            }
        }
    }

    @Test("a client gets pings while no other data is sent to it")
    func ping() async throws {
        try await withNode(timing: { $0.keepAlive = .seconds(1) }) { _, port in
            try await CoreWire.connected(port: port) { wire in
                try await wire.hear(#"{"type":6}"#, count: 2)
                #expect(wire.heard.dropFirst(2).allSatisfy { $0 == #"{"type":6}"# })
            }
        }
    }

    @Test("a client that has sent pings and then becomes silent is closed; one that never sends pings is not")
    func silence() async throws {
        try await withNode(timing: { $0.clientTimeout = .seconds(1) }) { redis, port in
            try await CoreWire.connected(port: port) { quiet in
                try await CoreWire.connected(port: port) { wire in
                    try await wire.send(#"{"type":6}"#)
                    try await wire.hear(
                        #"{"type":7,"error":"Connection closed with an error. OperationCanceledException: Client hasn't sent a message/ping within the configured ClientTimeoutInterval.","allowReconnect":true}"#
                    )
                    try await wire.hear("<closed 1000>")
                }
                try await quiet.call("1", "echo", "1")
                #expect(!quiet.heard.contains { $0.hasPrefix(#"{"type":7"#) })
                // The other client's channels are unsubscribed.
                try await CoreChannels(redis: redis).wait(
                    for: [":all", ":connection:*", ":internal:ack:*", ":internal:groups", ":internal:return:*"])
            }
        }
    }

    @Test("a group command that no node acknowledges is published once, and its caller gets an error")
    func unacknowledged() async throws {
        try await withNode({ $0.timing.acknowledgement = .seconds(1) }) { redis, port in
            try await CoreWire.connected(port: port) { wire in
                // The id of a connection that no node has.
                let before = try await CoreChannels(redis: redis).publishes()
                let started = ContinuousClock.now
                let completion = try await wire.call("1", "addTo", #""room","AAAAAAAAAAAAAAAAAAAAAA""#)
                #expect(ContinuousClock.now - started >= .seconds(1))
                #expect(
                    completion
                        == #"{"type":3,"invocationId":"1","error":"An unexpected error occurred invoking 'addTo' on the server. TaskCanceledException: A task was canceled."}"#
                )
                #expect(try await CoreChannels(redis: redis).publishes() - before == 1)
                #expect(
                    try await MetricsScrape.read(port: port)["backplane_relay_hub_acks_missing_total"] == 1)
            }
        }
    }

    @Test("a call for a result from a connection without subscribers fails at once: PUBLISH returned 0")
    func nobody() async throws {
        try await withNode { redis, port in
            try await CoreWire.connected(port: port) { wire in
                let before = try await CoreChannels(redis: redis).publishes()
                let completion = try await wire.call("1", "ask", #""AAAAAAAAAAAAAAAAAAAAAA","?""#)
                #expect(
                    completion
                        == #"{"type":3,"invocationId":"1","error":"An unexpected error occurred invoking 'ask' on the server. IOException: Connection 'AAAAAAAAAAAAAAAAAAAAAA' does not exist."}"#
                )
                #expect(try await CoreChannels(redis: redis).publishes() - before == 1)
                #expect(
                    try await MetricsScrape.read(port: port)["backplane_relay_hub_core_results_missing_total"] == 1)
            }
        }
    }

    @Test("a poll is eventually answered without messages, and the connection ends if no further poll arrives")
    func polls() async throws {
        try await withNode(
            timing: {
                $0.longPoll = .seconds(1)
                $0.disconnect = .seconds(2)
            }
        ) { redis, port in
            let target = "/chathub?id=\(try await negotiate(port))"
            #expect(try await status(port, "GET", target) == 200)
            #expect(
                try await status(port, "POST", target, #"{"protocol":"json","version":1}"# + "\u{1E}") == 200)
            let handshake = try await RawHTTP.with(port: port, "GET", target) { try await $0.rest() }
            #expect(handshake == "{}\u{1E}")
            let empty = try await RawHTTP.with(port: port, "GET", target) {
                (status: $0.status, body: try await $0.rest())
            }
            #expect(empty == (200, ""))
            try await CoreChannels(redis: redis).wait(
                for: [":all", ":connection:*", ":internal:ack:*", ":internal:groups", ":internal:return:*"])
            // A poll would keep the connection alive: the channels in Redis show when it has ended.
            try await CoreChannels(redis: redis).wait(
                for: [":all", ":internal:ack:*", ":internal:groups", ":internal:return:*"])
            #expect(try await status(port, "GET", target) == 404)
            #expect(try await status(port, "POST", target, "x") == 404)
            #expect(try await status(port, "DELETE", target) == 404)
        }
    }

    @Test("a connection that is only negotiated is removed after a timeout")
    func negotiatedOnly() async throws {
        try await withNode(timing: { $0.disconnect = .seconds(1) }) { _, port in
            let target = "/chathub?id=\(try await negotiate(port))"
            try await eventually("it is gone") {
                // DELETE does not keep the connection alive: 400 for a connection that does not poll.
                try await status(port, "DELETE", target) == 404 ? true : nil
            }
        }
    }

    @Test("when the hub ends the connection, the waiting poll gets the close message, the next 204, later ones 404")
    func pollEnds() async throws {
        try await withNode { _, port in
            let target = "/chathub?id=\(try await negotiate(port))"
            #expect(try await status(port, "GET", target) == 200)
            #expect(
                try await status(port, "POST", target, #"{"protocol":"json","version":1}"# + "\u{1E}") == 200)
            #expect(try await status(port, "GET", target) == 200)
            #expect(try await status(port, "POST", target, "{bad\u{1E}") == 200)
            let goodbye = try await RawHTTP.with(port: port, "GET", target) { try await $0.rest() }
            #expect(goodbye.hasPrefix(#"{"type":7,"error":"Connection closed with an error. InvalidDataException"#))
            #expect(try await status(port, "GET", target) == 204)
            #expect(try await status(port, "GET", target) == 404)
        }
    }

    @Test("a broken webSocket that is not replaced in time ends the connection, and its channels are unsubscribed")
    func notResumed() async throws {
        try await withNode(timing: { $0.disconnect = .seconds(3) }) { redis, port in
            let token = try await negotiate(port, "?negotiateVersion=1&useStatefulReconnect=true")
            let rest = [":all", ":internal:ack:*", ":internal:groups", ":internal:return:*"]
            try await CoreWire.with(port: port, "?id=\(token)") { wire in
                try await wire.shakeHands(version: 2)
                try await CoreChannels(redis: redis).wait(for: rest + [":connection:*"])
                try await wire.cut()
            }
            // Its channels are still subscribed.
            #expect(try await CoreChannels(redis: redis).subscribed().count == 5)
            try await CoreChannels(redis: redis).wait(for: rest)
            #expect(try await status(port, "POST", "/chathub?id=\(token)", "x") == 404)
        }
    }

    @Test("a connection whose webSocket is replaced in time continues, without commands to Redis")
    func resumed() async throws {
        try await withNode { redis, port in
            let token = try await negotiate(port, "?negotiateVersion=1&useStatefulReconnect=true")
            try await CoreWire.with(port: port, "?id=\(token)") { wire in
                try await wire.shakeHands(version: 2)
                try await wire.call("1", "joinGroup", #""room""#)
                try await wire.cut()
            }
            let all = [
                ":all", ":connection:*", ":group:room", ":internal:ack:*", ":internal:groups", ":internal:return:*",
            ]
            try await CoreChannels(redis: redis).wait(for: all)
            try await CoreWire.connected(port: port) { other in
                try await other.call("1", "sendToGroup", #""room","other","while away""#)
            }
            let asked = try await redis.command(["INFO", "commandstats"]).text?
                .firstMatch(of: #/cmdstat_subscribe:calls=(\d+)/#)?.1
            try await CoreWire.with(port: port, "?id=\(token)") { wire in
                try await wire.hear(#"{"type":9,"sequenceId":1}"#)
                try await wire.hear(#"{"type":3,"invocationId":"1","result":null}"#)
                try await wire.hear(
                    #"{"type":1,"target":"groupMessage","arguments":["room","other","while away"]}"#)
                try await wire.send(#"{"type":9,"sequenceId":2}"#)
                try await wire.call("2", "echo", "2")
                #expect(
                    try await MetricsScrape.read(port: port)["backplane_relay_hub_core_stateful_reconnects_total"]
                        == 1)
                let again = try await redis.command(["INFO", "commandstats"]).text?
                    .firstMatch(of: #/cmdstat_subscribe:calls=(\d+)/#)?.1
                #expect(again == asked)
                // The client's close message ends the connection even with stateful reconnect.
                try await wire.send(#"{"type":7}"#)
            }
            try await CoreChannels(redis: redis).wait(
                for: [":all", ":internal:ack:*", ":internal:groups", ":internal:return:*"])
        }
    }
}
