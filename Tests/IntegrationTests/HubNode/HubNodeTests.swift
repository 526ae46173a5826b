import Backplane
import Foundation
import HubNode
import JSON
import Loopback
import Redis
import SignalRClient
import TestSupport
import Testing

/// A hub node and other nodes, with a real Redis and real clients.
@Suite("Hub node", .serialized, .needs(.redisServer))
struct HubNodeTests {
    private static let transports: [ClientTransport] = [.webSockets, .serverSentEvents, .longPolling]

    @Test("messages cross nodes; groups, users and others receive only their messages", arguments: transports)
    func crossing(transport: ClientTransport) async throws {
        try await withTwoNodes { a, b, network, _ in
            let alice = try HubClient(port: a, transport: transport, query: [("user", "alice")], network: network)
            let bob = try HubClient(port: b, transport: transport, query: [("user", "bob")], network: network)
            try await alice.signalR.start()
            try await bob.signalR.start()
            try await bob.invoke("joinGroup", ["Room"])
            try await alice.invoke("send", ["alice", "to all 日本 \u{2028}"])
            try await alice.invoke("sendToGroup", ["rOOm", "alice", "to the room"])
            try await alice.invoke("sendToUser", ["bob", "to bob"])
            try await alice.invoke("sendToOthers", ["alice", "to others"])
            // Joined as "Room": leaving another name changes nothing.
            try await bob.invoke("leaveGroup", ["room"])
            try await alice.invoke("sendToGroup", ["room", "alice", "to the room again"])
            try await bob.invoke("leaveGroup", ["Room"])
            try await alice.invoke("sendToGroup", ["Room", "alice", "to nobody"])
            try await alice.invoke("send", ["alice", "end"])
            try await bob.expect([
                "broadcastMessage[\"alice\",\"to all 日本 \u{2028}\"]",
                #"groupMessage["rOOm","alice","to the room"]"#,
                #"userMessage["alice","to bob"]"#, #"broadcastMessage["alice","to others"]"#,
                #"groupMessage["room","alice","to the room again"]"#, #"broadcastMessage["alice","end"]"#,
            ])
            try await alice.expect([
                "broadcastMessage[\"alice\",\"to all 日本 \u{2028}\"]", #"broadcastMessage["alice","end"]"#,
            ])
        }
    }

    @Test("a client continues at another node: with missed messages and its groups", arguments: transports)
    func hop(transport: ClientTransport) async throws {
        try await withTwoNodes { a, b, network, _ in
            let alice = try HubClient(port: a, network: network)
            let bob = try HubClient(port: b, transport: transport, reconnectsByItself: false, network: network)
            try await alice.signalR.start()
            try await bob.signalR.start()
            try await bob.invoke("joinGroup", ["room"])
            try await alice.invoke("sendToGroup", ["room", "alice", "1"])
            try await bob.expect([#"groupMessage["room","alice","1"]"#])
            await bob.signalR.dropTransport()
            try await alice.invoke("sendToGroup", ["room", "alice", "2"])
            try await alice.invoke("send", ["alice", "3"])
            try await bob.signalR.reconnect(to: NodeURL("http://127.0.0.1:\(a)/signalr"))
            try await alice.invoke("sendToGroup", ["room", "alice", "4"])
            try await bob.expect([
                #"groupMessage["room","alice","1"]"#, #"groupMessage["room","alice","2"]"#,
                #"broadcastMessage["alice","3"]"#, #"groupMessage["room","alice","4"]"#,
            ])
        }
    }

    @Test("a lost counter is restored, so that ids continue")
    func restoresCounter() async throws {
        try await withTwoNodes { a, b, network, redis in
            let alice = try HubClient(port: a, network: network)
            try await alice.signalR.start()
            for number in 1...5 { try await alice.invoke("send", ["alice", .string("\(number)")]) }
            // Confirmed, but possibly not yet received by the node.
            try await alice.expect((1...5).map { #"broadcastMessage["alice","\#($0)"]"# })
            await redis.stop()
            for port in [a, b] { try await waitUntilReady(port, status: 503) }
            try await redis.start()
            for port in [a, b] { try await waitUntilReady(port) }
            // Five messages and the command that initialized the connection.
            let counter = try await redis.withClient { try await $0.send(["GET", "chat"]) }
            #expect(counter.text == "6")
            try await alice.invoke("send", ["alice", "6"])
            try await alice.expect((1...6).map { #"broadcastMessage["alice","\#($0)"]"# })
        }
    }

    @Test("while Redis is unavailable a call fails with the reason; the client stays connected")
    func redisAway() async throws {
        try await withTwoNodes { a, _, network, redis in
            let alice = try HubClient(port: a, network: network)
            try await alice.signalR.start()
            await redis.stop()
            try await eventually("the node detects it") {
                try await HTTPAnswer.get(port: a, "/-/ready")?.status == 503 ? true : nil
            }
            await #expect(throws: CallError.self) { try await alice.invoke("send", ["alice", "lost"]) }
            try await redis.start()
            try await waitUntilReady(a)
            try await alice.invoke("send", ["alice", "back"])
            try await alice.expect([#"broadcastMessage["alice","back"]"#])
        }
    }

    @Test("a group command for a connection without an owner times out")
    func nobodyAcknowledges() async throws {
        let hub = Hub("chatHub") { hub in
            hub.on("addOther") { (call: HubCall, connection: String) in
                try await call.groups.add(connection, to: "room")
            }
        }
        try await RedisServer.with { redis in
            try await TestHubNode.with(
                redis: redis, hubs: [hub],
                configure: {
                    $0.detailedErrors = true
                    $0.timing.acknowledgement = .milliseconds(200)
                }
            ) { port in
                try await SignalRNetwork.with { network in
                    let alice = try HubClient(port: port, network: network)
                    try await alice.signalR.start()
                    do {
                        try await alice.invoke("addOther", ["c0ffee00-0000-4000-8000-000000000000"])
                        Issue.record("the command was acknowledged")
                    } catch let error as CallError {
                        #expect(error.text == "The operation was canceled.")
                    }
                    let missing = try await MetricsScrape.read(port: port)["backplane_relay_hub_acks_missing_total"]
                    #expect(missing == 1)
                }
            }
        }
    }

    /// The hub of the manual.
    @Test("a custom hub is a short registration; its calls are counted")
    func ownHub() async throws {
        let orders = Hub("orderHub") { hub in
            hub.on("place") { (call: HubCall, item: String, count: Int) in
                try await call.groups.add(call.connectionID, to: item)
                try await call.clients.others.invoke("placed", item, count)
                return "thank you"
            }
        }
        try await RedisServer.with { redis in
            try await TestHubNode.with(redis: redis, hubs: [orders, .chat]) { port in
                try await SignalRNetwork.with { network in
                    let alice = try HubClient(port: port, network: network)
                    try await alice.signalR.start()
                    #expect(try await alice.signalR.invoke("OrderHub", "Place", ["tea", 2]) == "thank you")
                    await #expect(throws: CallError.self) {
                        try await alice.signalR.invoke("orderHub", "place", ["tea", "two"])
                    }
                    let scrape = try await MetricsScrape.read(port: port)
                    #expect(
                        scrape[#"backplane_relay_hub_invocations_total{hub="orderHub",method="place"}"#] == 2)
                    #expect(scrape["backplane_relay_hub_results_total"] == 1)
                }
            }
        }
    }

    @Test("a graceful stop asks the clients to reconnect, and they find the other node", arguments: transports)
    func gracefulStop(transport: ClientTransport) async throws {
        try await RedisServer.with { redis in
            let key = TokenKey.random()
            try await TestHubNode.with(redis: redis, configure: { $0.tokenKey = key }) { stays in
                try await SignalRNetwork.with { network in
                    let alice = try HubClient(port: stays, network: network)
                    try await alice.signalR.start()
                    let bob = try await TestHubNode.with(
                        redis: redis,
                        configure: {
                            $0.tokenKey = key
                            $0.timing.drain = .seconds(1)
                        }
                    ) { stops in
                        let bob = try HubClient(
                            port: stops, transport: transport, reconnectsByItself: false, network: network)
                        try await bob.signalR.start()
                        try await bob.invoke("joinGroup", ["room"])
                        return bob
                    }
                    try await eventually("bob is asked to reconnect") { bob.asksToReconnect > 0 ? true : nil }
                    // A client whose next poll arrives in time gets one more response.
                    #expect(transport == .longPolling ? bob.asksToReconnect >= 1 : bob.asksToReconnect == 1)
                    try await alice.invoke("sendToGroup", ["room", "alice", "meanwhile"])
                    await bob.signalR.dropTransport()
                    try await bob.signalR.reconnect(to: NodeURL("http://127.0.0.1:\(stays)/signalr"))
                    try await bob.expect([#"groupMessage["room","alice","meanwhile"]"#])
                }
            }
        }
    }

    @Test("a client that does not read is disconnected and counted; others lose nothing")
    func slowClient() async throws {
        try await RedisServer.with { redis in
            try await TestHubNode.with(
                redis: redis, configure: { $0.limits.outboundBytes = 256 * 1024 }
            ) { port in
                try await SignalRNetwork.with { network in
                    let alice = try HubClient(port: port, network: network)
                    try await alice.signalR.start()
                    let token = try await HubToken.negotiate(
                        port: port, query: "connectionData=%5B%7B%22name%22%3A%22chathub%22%7D%5D")
                    let target =
                        "/signalr/connect?transport=serverSentEvents&connectionToken=\(token)&connectionData=%5B%7B%22name%22%3A%22chathub%22%7D%5D"
                    try await RawHTTP.with(port: port, "GET", target) { stream in
                        _ = try await stream.take(through: #""S":1"#)
                        // Stops reading. The kernel buffers some megabytes first.
                        let text = JSONTree.string(String(repeating: "x", count: 48 * 1024))
                        var sent = 0
                        while try await MetricsScrape.read(port: port)["backplane_relay_hub_slow_clients_total"]
                            == 0
                        {
                            guard sent < 1_000 else { throw TestFailure("the slow client was kept") }
                            for _ in 0..<20 { try await alice.invoke("send", ["alice", text]) }
                            sent += 20
                        }
                        try await eventually("the other has all \(sent)") { alice.calls.count == sent ? true : nil }
                    }
                }
            }
        }
    }

    /// Messages of one read from Redis are flushed together, as long as a webSocket has room for them.
    @Test("a burst does not count as slowness: a client that reads gets all of it, however small the limit")
    func burst() async throws {
        try await RedisServer.with { redis in
            try await TestHubNode.with(redis: redis, configure: { $0.limits.outboundMessages = 4 }) { port in
                try await SignalRNetwork.with { network in
                    let alice = try HubClient(port: port, transport: .webSockets, network: network)
                    try await alice.signalR.start()
                    try await redis.withClient { client in
                        let publisher = try await NodePublisher(client, channel: "chat")
                        for round in 1...3 {
                            _ = try await publisher.publish(400, size: 1_000)
                            try await eventually("all have arrived") {
                                alice.calls.count == round * 400 ? true : nil
                            }
                        }
                    }
                    #expect(
                        try await MetricsScrape.read(port: port)["backplane_relay_hub_slow_clients_total"] == 0)
                }
            }
        }
    }

    @Test("a message above 64 KiB on a webSocket ends it; one below passes")
    func inboundLimit() async throws {
        try await withTwoNodes { a, _, network, _ in
            let alice = try HubClient(port: a, reconnectsByItself: false, network: network)
            try await alice.signalR.start()
            let below = JSONTree.string(String(repeating: "x", count: 60_000))
            #expect(try await alice.invoke("echo", [below]) == below)
            let above = JSONTree.string(String(repeating: "x", count: 70_000))
            await #expect(throws: SignalRClientError.self) { try await alice.invoke("echo", [above]) }
        }
    }

    @Test("a token is valid only for its user")
    func boundToUser() async throws {
        try await withTwoNodes { a, _, _, _ in
            let token = try await HubToken.negotiate(port: a, query: "user=alice")
            let target = "/signalr/start?transport=webSockets&connectionToken=\(token)&user="
            for (user, status) in [("alice", 200), ("ALICE", 200), ("bob", 403), ("", 403)] {
                let answer = try await RawHTTP.with(port: a, "GET", target + user) { $0.status }
                #expect(answer == status, "user '\(user)'")
            }
        }
    }

    @Test("other origins may call only if allowed")
    func origins() async throws {
        try await RedisServer.with { redis in
            try await TestHubNode.with(redis: redis, configure: { $0.allowedOrigins = ["https://chat.example"] }) {
                port in
                for (origin, isAllowed) in [("https://chat.example", true), ("https://evil.example", false)] {
                    for method in ["GET", "OPTIONS"] {
                        try await RawHTTP.with(port: port, method, "/signalr/ping", headers: [("Origin", origin)]) {
                            #expect($0.header("Access-Control-Allow-Origin") == (isAllowed ? origin : nil))
                            #expect($0.header("Access-Control-Allow-Credentials") == (isAllowed ? "true" : nil))
                        }
                    }
                }
            }
        }
    }

    @Test("publications of two nodes have the form of those of real nodes")
    func sessionLikeReal() async throws {
        let real = try Vectors.payloads("signalr2").map { try Envelope(decoding: $0) }
        try await RedisServer.with { redis in
            let traffic = CollectedTraffic()
            try await traffic.collect(from: redis, channel: "chat") {
                try await withTwoNodes(on: redis) { a, b, network in
                    let alice = try HubClient(port: a, query: [("user", "alice")], network: network)
                    let bob = try HubClient(port: b, transport: .longPolling, network: network)
                    try await alice.signalR.start()
                    try await bob.signalR.start()
                    try await alice.invoke("send", ["alice", "hello"])
                    try await alice.invoke("progress", [3])
                    try await bob.invoke("joinGroup", ["room1"])
                    try await alice.invoke("sendToGroup", ["room1", "to", "room1"])
                    try await bob.invoke("leaveGroup", ["room1"])
                    try await alice.invoke("sendToUser", ["alice", "dear alice"])
                    try await alice.invoke("sendToOthers", ["x", "y"])
                }
            }
            let ours = try traffic.payloads.map { try Envelope(decoding: $0) }
            #expect(ours.map(\.id) == (1...UInt64(ours.count)).map { $0 })
            #expect(zip(ours, traffic.payloads).allSatisfy { $0.encoded() == $1 })
            // The form of each message, without identifiers and texts, must occur on a real node.
            let realForms = Set(real.flatMap { $0.body.messages.map(MessageForm.init) })
            for message in ours.flatMap(\.body.messages) {
                let form = MessageForm(message)
                #expect(realForms.contains(form), "\(form)")
            }
            for kind in [MessageKind.command, .ack, .hub, .group, .user, .connection] {
                #expect(ours.contains { $0.body.messages.contains { $0.kind == kind } }, "\(kind)")
            }
        }
    }

    // MARK: - Helpers

    private func waitUntilReady(_ port: Int, status: Int = 200) async throws {
        try await eventually("the node answers /-/ready with \(status)") {
            try await HTTPAnswer.get(port: port, "/-/ready")?.status == status ? true : nil
        }
    }

    private func withTwoNodes(
        _ body: (_ a: Int, _ b: Int, SignalRNetwork, RedisServer) async throws -> Void
    ) async throws {
        try await RedisServer.with { redis in
            try await withTwoNodes(on: redis) { a, b, network in try await body(a, b, network, redis) }
        }
    }

    private func withTwoNodes(
        on redis: RedisServer, _ body: (_ a: Int, _ b: Int, SignalRNetwork) async throws -> Void
    ) async throws {
        let key = TokenKey.random()
        try await TestHubNode.with(redis: redis, configure: { $0.tokenKey = key }) { a in
            try await TestHubNode.with(redis: redis, configure: { $0.tokenKey = key }) { b in
                try await SignalRNetwork.with { try await body(a, b, $0) }
            }
        }
    }
}

/// The form that messages of one kind share on every node.
private struct MessageForm: Hashable, CustomStringConvertible {
    let kind: MessageKind
    let key: String
    let value: String
    let flags: [Bool]

    init(_ message: Message) {
        kind = message.kind
        key = Self.withoutNames(message.key)
        value = Self.withoutNames(String(decoding: message.value, as: UTF8.self))
        flags = [
            message.commandID.isEmpty, message.waitForAck, message.isAck,
            message.filter.isEmpty || message.filter.hasPrefix("c-"), message.source.count == 36,
        ]
    }

    var description: String { "\(kind) \(key) \(value) \(flags)" }

    /// Member names stay, in order; their values are removed.
    private static func withoutNames(_ text: String) -> String {
        text.replacing(#/[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}/#, with: "#")
            .replacing(#/"A":\[.*\]/#, with: #""A":[]"#)
            .replacing(#/"M":"\w+"/#, with: #""M":"m""#)
            .replacing(#/("I":"(P\|)?)\d+"/#) { "\($0.1)#\"" }
            .replacing(#/"D":\d+/#, with: ##""D":#"##)
            .replacing(#/h([gu])-chatHub\.[^"]+/#) { "h\($0.1)-chatHub.#" }
    }
}
