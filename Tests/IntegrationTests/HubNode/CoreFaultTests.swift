import Backplane
import Foundation
import HubNode
import Loopback
import Redis
import TestSupport
import Testing

/// What fails under nodes of ASP.NET Core, and what real nodes do then: a node is killed, Redis is down when a node
/// starts, a message comes while a client connects, Redis is restarted. Checked by what Redis was asked, too.
@Suite("Faults under nodes of ASP.NET Core", .serialized, .needs(.redisServer))
struct CoreFaultTests {
    private static let fixed = [":all", ":internal:ack:*", ":internal:groups", ":internal:return:*"]
    /// The fixed channels of two nodes.
    private static let two = fixed + [":internal:ack:*", ":internal:return:*"]
    private static let type = "Chat.Hubs.ChatHub"

    private static let hub = Hub("chatHub") { hub in
        hub = .chat
        hub.on("addTo") { (call: HubCall, group: String, id: String) in try await call.groups.add(id, to: group) }
    }

    private func withNode(
        _ redis: RedisServer, at address: RedisConfiguration? = nil, awaitsReady: Bool = true,
        _ body: (_ port: Int) async throws -> Void
    ) async throws {
        try await TestHubNode.with(
            redis: redis, at: address, channel: "", hubs: [Self.hub], awaitsReady: awaitsReady,
            configure: {
                $0.detailedErrors = true
                // A real node waits 30 s.
                $0.timing.acknowledgement = .seconds(1)
                $0.core = CoreHubSettings(
                    backplane: CoreBackplaneSettings(hubType: Self.type, channelPrefix: "app:"))
            }, body)
    }

    /// A node in its own process.
    private func withProcess(
        _ redis: RedisServer, _ body: (_ port: Int, _ node: ChildProcess) async throws -> Void
    ) async throws {
        try await TemporaryDirectory.with { folder in
            let options = ["--redis", redis.url, "--core-hub", Self.type, "--channel-prefix", "app:"]
            try await HubProcess.with(options, folder, body)
        }
    }

    private func id(of wire: CoreWire) async throws -> String {
        let answer = try await wire.call("who", "whoAmI")
        return try #require(answer.firstMatch(of: #/"result":"([^"]+)"/#).map { String($0.1) })
    }

    private func metric(_ name: String, _ port: Int) async throws -> Double? {
        try await MetricsScrape.read(port: port)["backplane_relay_hub_" + name]
    }

    private func said(_ text: String) -> String {
        #"{"type":1,"target":"broadcastMessage","arguments":["me","\#(text)"]}"#
    }

    private func invocation(_ text: String) -> [UInt8] {
        let json = Array(#"{"type":1,"target":"Recv","arguments":["\#(text)"]}"#.utf8) + [0x1E]
        return CorePayload.invocation(
            CoreInvocation(
                excluded: [], frames: [CoreInvocation.Frame(protocolName: "json", bytes: json)])
        ).encoded()
    }

    private func received(_ text: String) -> String { #"{"type":1,"target":"Recv","arguments":["\#(text)"]}"# }

    @Test(
        "a node is killed: others go on; a command to it is not acknowledged, a result from it never comes, and later calls find no connection"
    )
    func nodeKilled() async throws {
        try await RedisServer.with { redis in
            try await withNode(redis) { port in
                let channels = CoreChannels(redis: redis)
                try await CoreWire.connected(port: port, "?user=alice") { asker in
                    try await CoreWire.connected(port: port) { other in
                        let (own, second) = (try await id(of: asker), try await id(of: other))
                        #expect(own != second)
                        try await withProcess(redis) { victim, node in
                            try await CoreWire.connected(port: victim, "?user=bob") { lost in
                                let gone = try await id(of: lost)
                                try await lost.call("join", "joinGroup", #""room""#)
                                try await channels.wait(
                                    for: Self.two + [
                                        ":connection:*", ":connection:*", ":connection:*", ":group:room",
                                        ":user:alice",
                                        ":user:bob",
                                    ])
                                try await asker.send(
                                    #"{"type":1,"invocationId":"ask","target":"ask","arguments":["\#(gone)","?"]}"#)
                                try await lost.hear(#"{"type":1,"invocationId":""#)
                                // It hangs before it is killed, so that it has the command and does not answer it.
                                node.signal(SIGSTOP)
                                let before = try await channels.publishes()
                                try await other.send(
                                    #"{"type":1,"invocationId":"add","target":"addTo","arguments":["room","\#(gone)"]}"#
                                )
                                try await eventually("the command is published") {
                                    try await channels.publishes() == before + 1 ? true : nil
                                }
                                node.signal(SIGKILL)
                                try await lost.hear("<end>")
                                #expect(!lost.heard.contains { $0.hasPrefix(#"{"type":7"#) })

                                // Redis drops its subscriptions with its socket.
                                try await channels.wait(
                                    for: Self.fixed + [":connection:*", ":connection:*", ":user:alice"])
                                #expect(
                                    try await other.hear(#"{"type":3,"invocationId":"add""#)
                                        == #"{"type":3,"invocationId":"add","error":"An unexpected error occurred invoking 'addTo' on the server. TaskCanceledException: A task was canceled."}"#
                                )
                                #expect(try await metric("acks_missing_total", port) == 1)

                                let asked = try await channels.publishes()
                                let late = try await other.call("late", "ask", #""\#(gone)","?""#)
                                #expect(
                                    late
                                        == #"{"type":3,"invocationId":"late","error":"An unexpected error occurred invoking 'ask' on the server. IOException: Connection '\#(gone)' does not exist."}"#
                                )
                                // One PUBLISH, which reached no subscriber.
                                #expect(try await channels.publishes() == asked + 1)
                                try await other.call("send", "send", #""me","still here""#)
                                for wire in [asker, other] { try await wire.hear(said("still here")) }
                                // The pending result never comes. Its method waits, and with it this client's calls.
                                #expect(!asker.heard.contains { $0.hasPrefix(#"{"type":3,"invocationId":"ask""#) })
                                try await eventually("the metric shows that a result is awaited") {
                                    try await metric("core_results_waiting", port) == 1 ? true : nil
                                }
                            }
                        }
                    }
                }
            }
        }
    }

    @Test("Redis is down when a node starts: it serves, and joins the backplane once Redis is there")
    func redisDownAtStart() async throws {
        try await RedisServer.with { redis in
            await redis.stop()
            try await withNode(redis, awaitsReady: false) { port in
                #expect(try await HTTPAnswer.get(port: port, "/")?.status == 200)
                #expect(try await HTTPAnswer.get(port: port, "/-/ready")?.status == 503)
                #expect(try await metric("core_up", port) == 0)
                let negotiation = try await RawHTTP.with(
                    port: port, "POST", "/chathub/negotiate?negotiateVersion=1"
                ) { $0.status }
                #expect(negotiation == 200)
                // Like a real node it answers the handshake; better: its close message allows a reconnect.
                try await CoreWire.connected(port: port) { early in
                    try await early.hear(
                        #"{"type":7,"error":"Connection closed with an error. The backplane is not reached.","allowReconnect":true}"#
                    )
                    try await early.hear("<closed 1000>")
                }
                try await redis.start()
                try await eventually("the node is ready") {
                    try await HTTPAnswer.get(port: port, "/-/ready")?.status == 200 ? true : nil
                }
                let channels = CoreChannels(redis: redis)
                try await channels.wait(for: Self.fixed)
                #expect(try await channels.publishes() == 0)
                // It had no clients that could have missed something.
                #expect(try await metric("core_gaps_total", port) == 0)
                #expect(try await metric("core_up", port) == 1)
                try await CoreWire.connected(port: port) { wire in
                    try await wire.call("send", "send", #""me","joined""#)
                    try await wire.hear(said("joined"))
                    #expect(try await channels.publishes() == 1)
                }
            }
        }
    }

    @Test(
        "between the answer to the handshake and SUBSCRIBE, messages to the connection and its user are lost, as with a real node; messages to all arrive"
    )
    func beforeItsSubscription() async throws {
        try await RedisServer.with { redis in
            try await HeldRedis.with(redis) { held in
                try await withNode(redis, at: held.configuration) { port in
                    let channels = CoreChannels(redis: redis)
                    try await channels.wait(for: Self.fixed)
                    let negotiation = try await RawHTTP.with(
                        port: port, "POST", "/chathub/negotiate?negotiateVersion=1&user=alice"
                    ) { try await $0.rest() }
                    let id = try #require(
                        negotiation.firstMatch(of: #/"connectionId":"([^"]+)"/#).map { String($0.1) })
                    let token = try #require(
                        negotiation.firstMatch(of: #/"connectionToken":"([^"]+)"/#).map { String($0.1) })
                    try await held.hold()
                    try await CoreWire.connected(port: port, "?id=\(token)") { wire in
                        #expect(try await channels.publish(invocation("lost"), ":connection:\(id)") == 0)
                        #expect(try await channels.publish(invocation("lost"), ":user:alice") == 0)
                        // Better than a real node, which may miss this, too: the client is known with the answer.
                        #expect(try await channels.publish(invocation("all"), ":all") == 1)
                        try await wire.hear(received("all"))
                        // Its calls wait until it can be reached.
                        try await wire.send(
                            #"{"type":1,"invocationId":"1","target":"echo","arguments":["waits"]}"#)
                        #expect(try await channels.publish(invocation("all again"), ":all") == 1)
                        try await wire.hear(received("all again"))
                        #expect(!wire.heard.contains { $0.hasPrefix(#"{"type":3"#) })
                        #expect(try await channels.subscribed().count == Self.fixed.count)

                        try await held.release()
                        try await wire.hear(#"{"type":3,"invocationId":"1","result":"waits"}"#)
                        try await channels.wait(for: Self.fixed + [":connection:\(id)", ":user:alice"])
                        #expect(try await channels.publish(invocation("to it"), ":connection:\(id)") == 1)
                        #expect(try await channels.publish(invocation("to its user"), ":user:alice") == 1)
                        try await wire.hear(received("to its user"))
                        #expect(wire.heard.contains(received("to it")))
                        #expect(!wire.heard.contains(received("lost")))
                    }
                }
            }
        }
    }

    @Test("Redis is restarted under two nodes: afterwards groups, commands and results work across them again")
    func redisRestarted() async throws {
        try await RedisServer.with { redis in
            try await withNode(redis) { one in
                try await withProcess(redis) { two, _ in
                    let channels = CoreChannels(redis: redis)
                    try await CoreWire.connected(port: one, "?user=alice") { alice in
                        try await CoreWire.connected(port: two, "?user=bob") { bob in
                            let bobsID = try await id(of: bob)
                            for wire in [alice, bob] { try await wire.call("join", "joinGroup", #""room""#) }
                            let all =
                                Self.two + [
                                    ":connection:*", ":connection:*", ":group:room", ":user:alice", ":user:bob",
                                ]
                            try await channels.wait(for: all)
                            await redis.stop()
                            try await eventually("both notice it") {
                                let first = try await metric("core_up", one)
                                let second = try await metric("core_up", two)
                                return first == 0 && second == 0 ? true : nil
                            }
                            let away = try await bob.call("away", "sendToGroup", #""room","me","lost""#)
                            #expect(away.contains(#""error":"#), "\(away)")
                            try await redis.start()
                            try await channels.wait(for: all)
                            for port in [one, two] {
                                try await eventually("the node is ready") {
                                    try await HTTPAnswer.get(port: port, "/-/ready")?.status == 200 ? true : nil
                                }
                                #expect(try await metric("core_gaps_total", port) == 1)
                            }
                            #expect(try await channels.publishes() == 0)
                            try await bob.call("back", "sendToGroup", #""room","me","back""#)
                            for wire in [alice, bob] {
                                try await wire.hear(
                                    #"{"type":1,"target":"groupMessage","arguments":["room","me","back"]}"#)
                                #expect(!wire.heard.contains { $0.contains("lost") || $0.hasPrefix(#"{"type":7"#) })
                            }
                            // A command and its ack.
                            let added = try await alice.call("add", "addTo", #""other","\#(bobsID)""#)
                            #expect(added == #"{"type":3,"invocationId":"add","result":null}"#)
                            try await channels.wait(for: all + [":group:other"])
                            // A call and its result.
                            try await alice.send(
                                #"{"type":1,"invocationId":"ask","target":"ask","arguments":["\#(bobsID)","?"]}"#)
                            let call = try await bob.hear(#"{"type":1,"invocationId":""#)
                            let id = try #require(call.firstMatch(of: #/"invocationId":"([^"]+)"/#).map { $0.1 })
                            try await bob.send(#"{"type":3,"invocationId":"\#(id)","result":"yes"}"#)
                            let answer = try await alice.hear(#"{"type":3,"invocationId":"ask""#)
                            #expect(answer == #"{"type":3,"invocationId":"ask","result":"yes"}"#)
                            // The message, the command, its ack, the call, and its result.
                            #expect(try await channels.publishes() == 5)
                        }
                    }
                }
            }
        }
    }
}
