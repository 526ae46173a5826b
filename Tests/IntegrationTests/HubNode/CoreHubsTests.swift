import HubNode
import JSON
import Redis
import SignalRClient
import TestSupport
import Testing

/// Several hubs for clients of ASP.NET Core on one node, as two real hubs: each has its own path and channels, even
/// if users, groups and methods have the same names.
@Suite("Several hubs of ASP.NET Core on one node", .serialized, .needs(.redisServer, .redisCLI))
struct CoreHubsTests {
    private static let hubs = [hub("orderHub"), hub("roomHub")]
    private static let types = ["orderHub": "Shop.OrderHub", "roomHub": "Shop.Rooms.RoomHub"]
    private static let paths = ["orderHub": "/shop/orders", "roomHub": "/roomhub"]

    private static func hub(_ name: String) -> Hub {
        Hub(name) { hub in
            hub.on("whoAmI") { (call: HubCall) in call.connectionID }
            hub.on("all") { (call: HubCall, text: String) in
                try await call.clients.all.invoke("said", name, text)
            }
            hub.on("join") { (call: HubCall, group: String, id: String) in
                try await call.groups.add(id, to: group)
            }
            hub.on("group") { (call: HubCall, group: String, text: String) in
                try await call.clients.group(group).invoke("said", name, text)
            }
            hub.on("user") { (call: HubCall, user: String, text: String) in
                try await call.clients.user(user).invoke("said", name, text)
            }
            hub.on("one") { (call: HubCall, id: String, text: String) in
                try await call.clients.client(id).invoke("said", name, text)
            }
            hub.on("ask") { (call: HubCall, id: String, question: String) in
                try await call.clients.single(id).ask("answer", question, as: String.self)
            }
        }
    }

    private func withNode(
        _ redis: RedisServer, channel: String = "", hubs: [Hub] = Self.hubs,
        _ body: (_ port: Int) async throws -> Void
    ) async throws {
        try await TestHubNode.with(
            redis: redis, channel: channel, hubs: hubs,
            configure: { configuration in
                configuration.detailedErrors = true
                configuration.timing.acknowledgement = .milliseconds(500)
                for (name, type) in Self.types {
                    configuration.coreHubs[name] = CoreHubSettings(
                        path: name == "orderHub" ? Self.paths[name] : nil,
                        backplane: CoreBackplaneSettings(hubType: type, channelPrefix: "app:"))
                }
            }, body)
    }

    /// A client of a hub, and its connection id.
    private struct Member {
        let hub: String
        let wire: CoreWire
        let id: String

        /// Everything that was said to it, in order.
        var said: [String] { wire.heard.filter { $0.hasPrefix(#"{"type":1,"target":"said""#) } }
    }

    private func withMember(
        of hub: String, _ port: Int, _ body: (Member) async throws -> Void
    ) async throws {
        try await CoreWire.connected(port: port, "?user=alice", path: Self.paths[hub] ?? "") { wire in
            let answer = try await wire.call("who", "whoAmI")
            let id = try #require(answer.firstMatch(of: #/"result":"([^"]+)"/#).map { String($0.1) })
            try await wire.call("own", "join", #""room","\#(id)""#)
            try await body(Member(hub: hub, wire: wire, id: id))
        }
    }

    private func said(_ hub: String, _ text: String) -> String {
        #"{"type":1,"target":"said","arguments":["\#(hub)","\#(text)"]}"#
    }

    @Test("on two nodes messages, groups, users and connections of one hub never reach the clients of the other")
    func apart() async throws {
        try await RedisServer.with { redis in
            try await TemporaryDirectory.with { folder in
                let monitor = try await ChildProcess.start(
                    Tool.redisCLI.requiredPath(), ["-p", "\(redis.port)", "monitor"], folder: folder)
                do {
                    try await eventually("MONITOR has begun") { monitor.output.hasPrefix("OK") ? true : nil }
                    try await withNode(redis) { one in
                        try await withNode(redis) { two in try await talk(one, two, redis) }
                    }
                    try await eventually("MONITOR shows the end") {
                        monitor.output.contains("the end") ? true : nil
                    }
                    let output = monitor.output
                    await monitor.terminate()
                    try compare(output)
                } catch {
                    await monitor.terminate()
                    throw error
                }
            }
        }
    }

    private func talk(_ one: Int, _ two: Int, _ redis: RedisServer) async throws {
        try await withMember(of: "orderHub", one) { order in
            try await withMember(of: "orderHub", two) { order2 in
                try await withMember(of: "roomHub", one) { room in
                    try await withMember(of: "roomHub", two) { room2 in
                        try await channels(redis)
                        for (from, to, others) in [
                            (order, order2, [room, room2]), (room2, room, [order, order2]),
                        ] {
                            try await from.wire.call("1", "all", #""to all""#)
                            try await from.wire.call("2", "group", #""room","to the group""#)
                            try await from.wire.call("3", "user", #""alice","to the user""#)
                            try await from.wire.call("4", "one", #""\#(to.id)","to one""#)
                            // The other hub's connections do not exist in this one.
                            try await from.wire.call("5", "one", #""\#(others[0].id)","to another hub""#)
                            for other in others {
                                let asked = try await from.wire.call(
                                    "ask \(other.id)", "ask", #""\#(other.id)","?""#)
                                #expect(asked.contains("Connection '\(other.id)' does not exist."), "\(asked)")
                            }
                            let joined = try await from.wire.call("6", "join", #""room","\#(others[1].id)""#)
                            #expect(joined.contains("TaskCanceledException"), "\(joined)")
                        }
                        for member in [order, room] { try await member.wire.call("7", "all", #""the end""#) }
                        for member in [order, order2, room, room2] {
                            try await member.wire.hear(said(member.hub, "the end"))
                            let texts = ["to all", "to the group", "to the user"]
                            let one = member.id == order2.id || member.id == room.id ? ["to one"] : []
                            #expect(
                                member.said == (texts + one + ["the end"]).map { said(member.hub, $0) },
                                "\(member.hub)")
                        }
                    }
                }
            }
        }
    }

    /// Each hub of a node has its own name there, its own channels, and its own two connections to Redis.
    private func channels(_ redis: RedisServer) async throws {
        var names: Set<String> = []
        for type in Self.types.values {
            let channels = CoreChannels(redis: redis, hub: type)
            try await channels.wait(for: [
                ":all", ":connection:*", ":connection:*", ":group:room", ":internal:ack:*", ":internal:ack:*",
                ":internal:groups", ":internal:return:*", ":internal:return:*", ":user:alice",
            ])
            names.formUnion(
                try await channels.subscribed().filter { $0.hasPrefix(":internal:ack:") })
        }
        #expect(names.count == 4)
        let list = try await redis.command(["CLIENT", "LIST", "TYPE", "pubsub"]).text ?? ""
        #expect(list.split(separator: "\n").count == 4, "\(list)")
    }

    /// What MONITOR shows: each PUBLISH is on a channel of the hub that it comes from.
    private func compare(_ output: String) throws {
        var kinds: [String: Set<String>] = [:]
        for line in output.split(separator: "\n") {
            guard let match = line.wholeMatch(of: #/[0-9.]+ \[\d+ [^ ]+\] "(?i:publish)" "([^"]*)" "(.*)"/#)
            else { continue }
            let channel = String(match.1)
            let owner = try #require(Self.types.first { channel.hasPrefix("app:\($0.value):") }, "\(channel)")
            for name in Self.types.keys where name != owner.key { #expect(!match.2.contains(name), "\(line)") }
            let kind = channel.dropFirst("app:\(owner.value):".count).split(separator: ":")[0]
            kinds[owner.key, default: []].insert(String(kind))
        }
        #expect(Set(kinds.keys) == Set(Self.types.keys))
        for kinds in kinds.values { #expect(kinds == ["all", "group", "user", "connection", "internal"]) }
    }

    @Test("a call by a client of SignalR 2 reaches the ASP.NET Core clients of its own hub only")
    func bothGenerations() async throws {
        try await RedisServer.with { redis in
            try await withNode(redis, channel: "chat") { port in
                try await withMember(of: "orderHub", port) { order in
                    try await withMember(of: "roomHub", port) { room in
                        try await SignalRNetwork.with { network in
                            let client = SignalRClient(
                                configuration: SignalRClientConfiguration(
                                    node: try NodeURL("http://127.0.0.1:\(port)/signalr"), hubs: ["roomHub"]),
                                network: network, onEvent: { _ in })
                            try await client.start()
                            try await client.invoke("roomHub", "all", ["to all"])
                            try await client.invoke("roomHub", "group", ["room", "to the group"])
                            try await room.wire.hear(said("roomHub", "to the group"))
                            try await order.wire.call("1", "all", #""the end""#)
                            try await order.wire.hear(said("orderHub", "the end"))
                            #expect(order.said == [said("orderHub", "the end")])
                            #expect(room.said == ["to all", "to the group"].map { said("roomHub", $0) })
                            await client.stop()
                        }
                    }
                }
            }
        }
    }

    @Test("a stopping node unsubscribes from every hub's channels; other paths are not served")
    func stops() async throws {
        try await RedisServer.with { redis in
            try await withNode(redis) { port in
                for (path, status) in [
                    ("/shop/orders", 200), ("/RoomHub", 200), ("/orderhub", 404), ("/chathub", 404), ("/hub", 404),
                ] {
                    try await RawHTTP.with(port: port, "POST", "\(path)/negotiate?negotiateVersion=1") {
                        #expect($0.status == status, "\(path)")
                    }
                }
                // Without a chat hub the chat page could not work.
                #expect(try await HTTPAnswer.get(port: port, "/")?.status == 404)
                try await withMember(of: "roomHub", port) { _ in }
            }
            for type in Self.types.values { try await CoreChannels(redis: redis, hub: type).wait(for: []) }
        }
    }

    @Test("the chat page uses the chat hub, even if it is not the first")
    func chatPage() async throws {
        try await RedisServer.with { redis in
            try await TestHubNode.with(
                redis: redis, hubs: Self.hubs + [.chat],
                configure: {
                    let backplane = CoreBackplaneSettings(hubType: "Chat.Hub", channelPrefix: "app:")
                    $0.coreHubs["chatHub"] = CoreHubSettings(path: "/talk", backplane: backplane)
                }
            ) { port in
                let page = try #require(try await HTTPAnswer.get(port: port, "/")).body
                #expect(page.contains(#"name="signalr-core-path" content="talk""#))
                #expect(page.contains(#"name="signalr-core-backplane" content="app:Chat.Hub""#))
            }
        }
    }
}
