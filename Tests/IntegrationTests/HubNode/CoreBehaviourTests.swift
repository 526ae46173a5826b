import Backplane
import Foundation
import HubNode
import Loopback
import Redis
import TestSupport
import Testing

/// How ASP.NET Core nodes handle what other nodes publish, and what they publish themselves.
@Suite("ASP.NET Core's backplane, behaviour by behaviour", .serialized, .needs(.redisServer))
struct CoreBehaviourTests {
    private static let fixed = [":all", ":internal:ack:*", ":internal:groups", ":internal:return:*"]

    private static let hub = Hub("chatHub") { hub in
        hub = .chat
        hub.on("addTo") { (call: HubCall, group: String, id: String) in try await call.groups.add(id, to: group) }
    }

    private func withNode(
        _ redis: RedisServer, _ configure: @escaping (inout HubNodeConfiguration) -> Void = { _ in },
        _ body: (_ port: Int, _ channels: CoreChannels) async throws -> Void
    ) async throws {
        try await TestHubNode.with(
            redis: redis, channel: "", hubs: [Self.hub],
            configure: { configuration in
                configuration.detailedErrors = true
                configuration.core = CoreHubSettings(
                    backplane: CoreBackplaneSettings(hubType: "Chat.Hubs.ChatHub", channelPrefix: "app:"))
                configure(&configuration)
            }
        ) { port in try await body(port, CoreChannels(redis: redis)) }
    }

    /// A call as another publisher would send it.
    private func invocation(_ text: String, excluded: [String] = [], protocols: [String] = ["json", "messagepack"])
        -> [UInt8]
    {
        let json = Array(#"{"type":1,"target":"Recv","arguments":["\#(text)"]}"#.utf8) + [0x1E]
        return CorePayload.invocation(
            CoreInvocation(
                excluded: excluded,
                frames: protocols.map { name in
                    CoreInvocation.Frame(
                        protocolName: name,
                        bytes: name == "json"
                            ? json
                            : [0x0D, 0x96, 0x01, 0x80, 0xC0, 0xA4] + Array("Recv".utf8) + [0x91, 0xA1, 0x78, 0x90])
                })
        ).encoded()
    }

    private func received(_ text: String) -> String { #"{"type":1,"target":"Recv","arguments":["\#(text)"]}"# }

    private func id(of wire: CoreWire) async throws -> String {
        let answer = try await wire.call("who", "whoAmI")
        return try #require(answer.firstMatch(of: #/"result":"([^"]+)"/#).map { String($0.1) })
    }

    private func metric(_ name: String, _ port: Int) async throws -> Double? {
        try await MetricsScrape.read(port: port)["backplane_relay_hub_" + name]
    }

    @Test("an idle node subscribes to four channels and publishes nothing")
    func idle() async throws {
        try await RedisServer.with { redis in
            try await withNode(redis) { _, channels in
                try await channels.wait(for: Self.fixed)
                #expect(try await channels.publishes() == 0)
            }
        }
    }

    @Test("a message published twice is delivered twice, whoever publishes it")
    func twice() async throws {
        try await RedisServer.with { redis in
            try await withNode(redis) { port, channels in
                try await CoreWire.connected(port: port) { wire in
                    _ = try await id(of: wire)
                    for _ in 0..<2 { #expect(try await channels.publish(invocation("again"), ":all") == 1) }
                    try await wire.hear(received("again"), count: 2)
                }
            }
        }
    }

    @Test("exclusions apply to all clients and to groups, not to users and connections")
    func exclusions() async throws {
        try await RedisServer.with { redis in
            try await withNode(redis) { port, channels in
                try await CoreWire.connected(port: port, "?user=alice") { wire in
                    let own = try await id(of: wire)
                    try await wire.call("join", "joinGroup", #""room""#)
                    try await channels.publish(invocation("all", excluded: [own]), ":all")
                    try await channels.publish(invocation("group", excluded: ["x", own]), ":group:room")
                    try await channels.publish(invocation("user", excluded: [own]), ":user:alice")
                    try await channels.publish(invocation("connection", excluded: [own]), ":connection:\(own)")
                    try await wire.hear(received("user"))
                    try await wire.hear(received("connection"))
                    #expect(!wire.heard.contains(received("all")))
                    #expect(!wire.heard.contains(received("group")))
                    // Connection ids are case-sensitive.
                    try await channels.publish(invocation("other case", excluded: [own.uppercased() + "x"]), ":all")
                    try await wire.hear(received("other case"))
                }
            }
        }
    }

    @Test(
        "messages that arrive together reach each client once, in their order; clients that are not behind get them together"
    )
    func burst() async throws {
        try await RedisServer.with { redis in
            try await withNode(redis) { port, channels in
                try await CoreWire.connected(port: port, "?user=alice") { alice in
                    try await alice.call("join", "joinGroup", #""room""#)
                    let own = try await id(of: alice)
                    let token = try await RawHTTP.with(
                        port: port, "POST", "/chathub/negotiate?negotiateVersion=1&useStatefulReconnect=true"
                    ) { try await $0.rest() }.firstMatch(of: #/"connectionToken":"([^"]+)"/#).map { String($0.1) }
                    try await CoreWire.with(port: port, "?id=\(try #require(token))") { bob in
                        try await bob.shakeHands(version: 2)
                        _ = try await id(of: bob)
                        let before = (alice.frameCount, try await metric("messages_delivered_total", port) ?? 0)
                        var messages: [(channel: String, payload: [UInt8])] = []
                        for number in 0..<300 {
                            let text = "\(number)"
                            let message: (channel: String, payload: [UInt8]) =
                                switch number % 100 {
                                case 50: (":group:room", invocation(text))
                                case 51: (":user:alice", invocation(text))
                                case 52: (":connection:\(own)", invocation(text))
                                case 53: (":all", invocation(text, excluded: [own]))
                                default: (":all", invocation(text))
                                }
                            messages.append(message)
                        }
                        try await channels.publishTogether(messages)
                        for (wire, lacks) in [(alice, [53]), (bob, [50, 51, 52])] {
                            let wanted = (0..<300).filter { !lacks.contains($0 % 100) }.map { received("\($0)") }
                            try await wire.hear(wanted[wanted.count - 1])
                            #expect(wire.heard.filter { $0.contains("Recv") } == wanted)
                        }
                        // Ten runs of messages for the same clients; reads from Redis may divide them.
                        #expect(alice.frameCount - before.0 < 100)
                        // The node also acknowledges what bob has sent.
                        let delivered = try await metric("messages_delivered_total", port) ?? 0
                        #expect((588...589).contains(Int(delivered - before.1)))
                    }
                }
            }
        }
    }

    @Test("a client whose protocol a message lacks is disconnected without a close message; others get the message")
    func missingProtocol() async throws {
        try await RedisServer.with { redis in
            try await withNode(redis) { port, channels in
                try await CoreWire.connected(port: port) { wire in
                    _ = try await id(of: wire)
                    try await channels.publish(invocation("x", protocols: ["messagepack"]), ":all")
                    try await wire.hear("<end>")
                    #expect(!wire.heard.contains { $0.hasPrefix(#"{"type":7"#) })
                    #expect(try await metric("missing_protocol_disconnects_total", port) == 1)
                    try await channels.wait(for: Self.fixed)
                }
            }
        }
    }

    @Test("undecodable payloads are logged and ignored, on every channel")
    func undecodable() async throws {
        try await RedisServer.with { redis in
            try await withNode(redis) { port, channels in
                try await CoreWire.connected(port: port) { wire in
                    _ = try await id(of: wire)
                    let names = try await channels.subscribed()
                    for name in names { #expect(try await channels.publish(Array("garbage".utf8), name) == 1) }
                    // A completion in a protocol that this node does not support.
                    let result = try #require(names.first { $0.hasPrefix(":internal:return:") })
                    try await channels.publish(
                        CorePayload.completion(CoreCompletion(protocolName: "blazorpack", frame: [1])).encoded(),
                        result)
                    try await channels.publish(invocation("after"), ":all")
                    try await wire.hear(received("after"))
                    #expect(try await metric("undecodable_total", port) == Double(names.count + 1))
                }
            }
        }
    }

    @Test("additional items of an invocation are ignored; with three items it is not a call for a result")
    func furtherItems() async throws {
        try await RedisServer.with { redis in
            try await withNode(redis) { port, channels in
                try await CoreWire.connected(port: port) { wire in
                    let own = try await id(of: wire)
                    var three = invocation("three") + [0xA1, 0x78]
                    three[0] = 0x93
                    var six = invocation("six") + [0xA1, 0x79, 0xA1, 0x7A, 0xC0, 0x80]
                    six[0] = 0x96
                    for payload in [three, six] { try await channels.publish(payload, ":connection:\(own)") }
                    try await wire.hear(received("three"))
                    try await wire.hear(received("six"))
                }
            }
        }
    }

    @Test("joining a group in another case changes nothing, and leaving it in another case keeps the subscription")
    func groupCase() async throws {
        try await RedisServer.with { redis in
            try await withNode(redis) { port, channels in
                try await CoreWire.connected(port: port) { wire in
                    try await wire.call("1", "joinGroup", #""Room""#)
                    try await wire.call("2", "joinGroup", #""room""#)
                    try await channels.wait(for: Self.fixed + [":connection:*", ":group:Room"])
                    #expect(try await channels.publish(invocation("lost"), ":group:room") == 0)
                    try await wire.call("3", "leaveGroup", #""ROOM""#)
                    try await channels.wait(for: Self.fixed + [":connection:*", ":group:Room"])
                    try await channels.publish(invocation("stays"), ":group:Room")
                    try await wire.hear(received("stays"))
                }
                // Everything is unsubscribed when the connection ends.
                try await channels.wait(for: Self.fixed)
            }
        }
    }

    @Test("a group name with pattern characters is one channel, not a pattern")
    func literal() async throws {
        try await RedisServer.with { redis in
            try await withNode(redis) { port, channels in
                try await CoreWire.connected(port: port) { wire in
                    try await wire.call("1", "joinGroup", #""a*[b]?""#)
                    try await channels.wait(for: Self.fixed + [":connection:*", ":group:a*[b]?"])
                    #expect(try await redis.command(["PUBSUB", "NUMPAT"]).integer == 0)
                    #expect(try await channels.publish(invocation("lost"), ":group:axb?") == 0)
                }
            }
        }
    }

    @Test("an empty name is not a channel: nothing is published")
    func emptyNames() async throws {
        try await RedisServer.with { redis in
            try await withNode(redis) { port, channels in
                try await CoreWire.connected(port: port) { wire in
                    try await wire.call("1", "sendToGroup", #""","me","x""#)
                    try await wire.call("2", "sendToUser", #""","x""#)
                    #expect(try await channels.publishes() == 0)
                }
            }
        }
    }

    @Test("the second connection of a user and the second member of a group send no commands to Redis")
    func second() async throws {
        try await RedisServer.with { redis in
            try await withNode(redis) { port, channels in
                try await CoreWire.connected(port: port, "?user=alice") { first in
                    try await first.call("1", "joinGroup", #""room""#)
                    let all = Self.fixed + [":connection:*", ":group:room", ":user:alice"]
                    try await channels.wait(for: all)
                    try await CoreWire.connected(port: port, "?user=alice") { second in
                        try await second.call("1", "joinGroup", #""room""#)
                        try await channels.wait(for: all + [":connection:*"])
                        try await channels.publish(invocation("both"), ":user:alice")
                        for wire in [first, second] { try await wire.hear(received("both")) }
                    }
                    try await channels.wait(for: all)
                }
            }
        }
    }

    @Test("the node that has a connection executes a group command and acknowledges it, even if nothing changes")
    func commands() async throws {
        try await RedisServer.with { redis in
            try await withNode(redis) { port, channels in
                try await CoreWire.connected(port: port) { wire in
                    let own = try await id(of: wire)
                    // Subscribes to acks like the sender of the commands.
                    let command = { (id: Int32, action: CoreGroupCommandView.Action, connection: String) in
                        CorePayload.groupCommand(
                            CoreGroupCommand(
                                id: id, server: "other", action: action, group: "room", connection: connection)
                        ).encoded()
                    }
                    let before = try await channels.publishes()
                    for id in 1...2 as ClosedRange<Int32> {
                        try await channels.publish(command(id, .add, own), ":internal:groups")
                    }
                    try await channels.wait(for: Self.fixed + [":connection:*", ":group:room"])
                    for id in 3...4 as ClosedRange<Int32> {
                        try await channels.publish(command(id, .remove, own), ":internal:groups")
                    }
                    // A node does not answer for a connection that it does not have.
                    try await channels.publish(command(5, .add, "AAAAAAAAAAAAAAAAAAAAAA"), ":internal:groups")
                    try await channels.wait(for: Self.fixed + [":connection:*"])
                    try await eventually("four acks") {
                        try await channels.publishes() - before == 5 + 4 ? true : nil
                    }
                }
            }
        }
    }

    @Test("if a connection ends while its result is pending, the calling node is informed")
    func resultOfTheGone() async throws {
        try await RedisServer.with { redis in
            try await withNode(redis) { first, channels in
                try await withNode(redis) { second, _ in
                    try await CoreWire.connected(port: first) { asker in
                        var asked = ""
                        try await CoreWire.connected(port: second) { owner in
                            asked = try await id(of: owner)
                            try await asker.send(
                                #"{"type":1,"invocationId":"a","target":"ask","arguments":["\#(asked)","?"]}"#)
                            try await owner.hear(#"{"type":1,"invocationId":""#)
                        }
                        let completion = try await asker.hear(#"{"type":3,"invocationId":"a""#)
                        #expect(
                            completion
                                == #"{"type":3,"invocationId":"a","error":"An unexpected error occurred invoking 'ask' on the server. HubException: Connection disconnected."}"#
                        )
                        // The call, and the completion from the node that had the connection.
                        #expect(try await channels.publishes() == 2)
                    }
                }
            }
        }
    }

    @Test("a result from a connection of the same node does not use Redis")
    func localResult() async throws {
        try await RedisServer.with { redis in
            try await withNode(redis) { port, channels in
                try await CoreWire.connected(port: port) { asker in
                    try await CoreWire.connected(port: port) { owner in
                        let own = try await id(of: owner)
                        try await asker.send(
                            #"{"type":1,"invocationId":"a","target":"ask","arguments":["\#(own)","?"]}"#)
                        let call = try await owner.hear(#"{"type":1,"invocationId":""#)
                        let id = try #require(call.firstMatch(of: #/"invocationId":"([^"]+)"/#).map { $0.1 })
                        // Another client's answer is ignored.
                        try await asker.send(#"{"type":3,"invocationId":"\#(id)","result":"false"}"#)
                        try await owner.send(#"{"type":3,"invocationId":"\#(id)","result":"true"}"#)
                        let answer = try await asker.hear(#"{"type":3,"invocationId":"a""#)
                        #expect(answer == #"{"type":3,"invocationId":"a","result":"true"}"#)
                        #expect(try await channels.publishes() == 0)
                    }
                }
            }
        }
    }

    @Test("a node has a new name at each start: the machine's name and 32 digits")
    func names() async throws {
        try await RedisServer.with { redis in
            var names: [String] = []
            for _ in 0..<2 {
                try await withNode(redis) { _, channels in
                    let ack = try #require(
                        try await channels.subscribed().first { $0.hasPrefix(":internal:ack:") })
                    names.append(String(ack.dropFirst(":internal:ack:".count)))
                }
            }
            #expect(Set(names).count == 2)
            for name in names { #expect(name.wholeMatch(of: #/.+_[0-9a-f]{32}/#) != nil, "\(name)") }
        }
    }
}
