import Backplane
import Foundation
import Redis
import TestSupport
import Testing

/// Nodes of ASP.NET Core that use different Redis protocols, or seem to share messages but do not.
@Suite(
    "Nodes of ASP.NET Core", .serialized, .needs(.python), .needs(editions: .redis7, .redis6, .valkey9),
    .timeLimit(.minutes(3)))
struct CoreNodesTests {
    private static let chat = CoreHub(type: "Chat.Hubs.ChatHub")

    private static func series(_ name: String, _ hub: CoreHub) -> String {
        "signalr_backplane_\(name){channel=\"\(hub.topic)\",backplane=\"core\"}"
    }

    private static func row(_ name: String) -> String {
        #"signalr_backplane_subscriber_connections{name="\#(name)",ip="127.0.0.1"}"#
    }

    @Test(
        "a RESP3 node, with a single connection, and a RESP2 node: inventory, rows and metrics are correct",
        arguments: RedisEdition.allCases)
    func resp3(edition: RedisEdition) async throws {
        let hub = Self.chat
        try await RedisServer.with(edition: edition) { redis in
            try await PythonNode.with([hub], resp: 2, machine: "web2", on: redis) { two in
                try await PythonNode.with([hub], resp: 3, machine: "web3", on: redis) { three in
                    let list = try await redis.command(["CLIENT", "LIST", "TYPE", "pubsub"]).text ?? ""
                    let rows = list.split(separator: "\n")
                    #expect(rows.count == 2 && rows.allSatisfy { $0.contains(" flags=P ") && $0.contains(" sub=4 ") })
                    // Redis 6.2 does not report it.
                    if edition != .redis6 {
                        #expect(rows.contains { $0.contains("name=web3(") && $0.contains(" resp=3") }, "\(list)")
                    }
                    try await inventory(redis, hub)
                    let arguments = ["--redis", redis.url, "--core"]
                    try await RelayProcess.with(arguments) { relay in
                        try await relay.waitForMetrics("both nodes and the relay") { shown in
                            shown[Self.series("nodes", hub)] == 2 && shown[Self.series("subscribers", hub)] == 3
                                && shown[Self.row("web2(SE.Redis-v2.9.32)")] == 1
                                && shown[Self.row("web3(SE.Redis-v3.0.0)")] == 1
                        }
                        // A command from another node. Each node acknowledges it, on its only or its second connection.
                        let command = CoreGroupCommand(
                            id: 7, server: "web9", action: .add, group: "g", connection: "c")
                        try await redis.command([
                            "PUBLISH", .bytes(hub.channel(.groupCommand, [])),
                            .bytes(CorePayload.groupCommand(command).encoded()),
                        ])
                        for node in [two, three] {
                            try await eventually("the node hears the command and its own ack") {
                                node.heard.count == 2 ? true : nil
                            }
                        }
                        let acks =
                            #"signalr_backplane_messages_total{channel="\#(hub.topic)",backplane="core",kind="ack"}"#
                        try await relay.waitForMetric(acks, atLeast: 2)
                        await three.child.terminate()
                        try await relay.waitForMetrics("the RESP3 node has gone") { shown in
                            shown[Self.series("nodes", hub)] == 1 && shown[Self.series("subscribers", hub)] == 2
                                && shown[Self.row("web3(SE.Redis-v3.0.0)")] == 0
                        }
                    }
                }
            }
        }
    }

    /// The output of `channels` and `run --check-only`.
    private func inventory(_ redis: RedisServer, _ hub: CoreHub) async throws {
        let nodes = "2 nodes (web2, web3; .NET 7 or later)"
        let channels = try await Finished.relay(["channels", "--redis", redis.url])
        #expect(channels.output.contains(nodes), "\(channels.output)\(channels.errors)")
        let check = try await Finished.relay(
            ["run", "--check-only", "--listen", "127.0.0.1:0", "--redis", redis.url, "--core"])
        #expect(check.exit == .code(0))
        for part in [nodes + ", 2 subscribers", "0 relays, 2 others"] {
            #expect(check.output.contains(part), "\(check.output)\(check.errors)")
        }
    }

    // MARK: - Nodes that do not share messages

    private static func room(_ version: Int) -> CoreHub {
        CoreHub(
            type:
                "Chat.RoomHub`1[[System.Int32, System.Private.CoreLib, Version=\(version).0.0.0, Culture=neutral, PublicKeyToken=7cec85d7bea7798e]]"
        )
    }

    @Test("a generic hub of two .NET versions: both are named at the start, and when the second appears later")
    func versions() async throws {
        let (old, new) = (Self.room(8), Self.room(9))
        let sentence =
            "the hubs '\(old.type)' and '\(new.type)' differ only in the versions of .NET: their nodes do not share messages"
        try await RedisServer.with { redis in
            try await PythonNode.with([old], machine: "web1", on: redis) { _ in
                let arguments = ["--redis", redis.url, "--core"]
                try await RelayProcess.with(arguments) { later in
                    #expect(!later.child.errors.contains("do not share messages"))
                    try await PythonNode.with([new], machine: "web2", on: redis) { _ in
                        try await eventually("it is in the log") {
                            later.child.errors.contains(sentence) ? true : nil
                        }
                        try await RelayProcess.with(arguments) { atOnce in
                            _ = try await eventually("it is in the log from the start") {
                                atOnce.child.errors.contains(sentence) ? true : nil
                            }
                        }
                        let check = try await Finished.relay(
                            ["run", "--check-only", "--listen", "127.0.0.1:0"] + arguments)
                        #expect(check.output.contains(sentence), "\(check.output)")
                    }
                    // Logged once, however often it is checked.
                    #expect(later.child.errors.ranges(of: sentence).count == 1)
                }
            }
        }
    }

    @Test("one hub with two channel prefixes: both are named")
    func prefixes() async throws {
        let sentence =
            "the hub 'Chat.Hubs.ChatHub' has nodes with the channel prefix '' and others with 'shop:': they do not share messages"
        try await RedisServer.with { redis in
            try await PythonNode.with([Self.chat], machine: "web1", on: redis) { _ in
                let arguments = ["--redis", redis.url, "--core"]
                try await RelayProcess.with(arguments) { relay in
                    let other = CoreHub(prefix: "shop:", type: Self.chat.type)
                    try await PythonNode.with([other], machine: "web2", on: redis) { _ in
                        try await eventually("it is in the log") { relay.child.errors.contains(sentence) ? true : nil }
                        let check = try await Finished.relay(
                            ["run", "--check-only", "--listen", "127.0.0.1:0"] + arguments)
                        #expect(check.output.contains(sentence), "\(check.output)")
                    }
                }
            }
        }
    }

    @Test("a hub that looks like another's groups: both are named at the start, and when it appears later")
    func coverage() async throws {
        let (chat, inner) = (CoreHub(type: "Chat"), CoreHub(prefix: "Chat:group:", type: "RoomHub"))
        let sentence = "patterns of the hub 'Chat' match channels of the hub 'Chat:group:RoomHub'"
        try await RedisServer.with { redis in
            try await PythonNode.with([chat], machine: "web1", on: redis) { _ in
                let arguments = ["--redis", redis.url, "--core"]
                try await RelayProcess.with(arguments) { relay in
                    try await PythonNode.with([inner], machine: "web2", on: redis) { _ in
                        try await eventually("it is in the log") { relay.child.errors.contains(sentence) ? true : nil }
                        try await RelayProcess.with(arguments) { atOnce in
                            _ = try await eventually("it is in the log from the start") {
                                atOnce.child.errors.contains(sentence) ? true : nil
                            }
                        }
                    }
                }
            }
        }
    }

    @Test("subscribers of `:all` without a node are distinguished from no subscribers")
    func noNodes() async throws {
        try await RedisServer.with { redis in
            let arguments = [
                "run", "--check-only", "--listen", "127.0.0.1:0", "--redis", redis.url, "--core-hub", Self.chat.type,
            ]
            let nobody = try await Finished.relay(arguments)
            #expect(nobody.output.contains("has no nodes: is the type spelled"), "\(nobody.output)")
            try await redis.withClient { listener in
                try await listener.send(["CLIENT", "SETNAME", "somebody"])
                try await listener.send(["SUBSCRIBE", .bytes(Self.chat.channel(.all, []))])
                let somebody = try await Finished.relay(arguments)
                #expect(
                    somebody.output.contains("has 1 subscriber to 'Chat.Hubs.ChatHub:all' but no nodes"),
                    "\(somebody.output)")
                #expect(!somebody.output.contains("is the type spelled"))
            }
        }
    }

    // MARK: - Compressed arguments

    /// `["plain", "secret-word secret-word ..."]` in MessagePack-CSharp's encodings `Lz4Block` (ext 99) and
    /// `Lz4BlockArray` (ext 98), with blocks from Python's lz4.
    private static let compressed: [(type: Int, bytes: Int, hex: String)] = [
        (
            99, 32,
            "929081ab6d6573736167657061636bc43231960180c0a45265637692a5706c61696ec71d63d2000000f2efd9f07365637265742d776f7264200c00cc50776f72642090"
        ),
        (
            98, 106,
            "929081ab6d6573736167657061636bc47c7b960180c0a45265637692a5706c61696e95c7046240404032c418efd9f07365637265742d776f7264200c001a507264207365c416cf637265742d776f72642073650c001c506563726574c416cf2d776f7264207365637265740c001c50742d776f72c416cf64207365637265742d776f720c000e50776f72642090"
        ),
    ]

    private static func bytes(_ hex: String) -> [UInt8] {
        let digits = Array(hex)
        return stride(from: 0, to: digits.count, by: 2).compactMap { UInt8(String(digits[$0..<$0 + 2]), radix: 16) }
    }

    @Test("tail, cat and export show LZ4-compressed arguments as such, not as undecodable")
    func lz4() async throws {
        let hub = Self.chat
        try await RedisServer.with { redis in
            try await TemporaryDirectory.with { folder in
                let watch = ["--redis", redis.url, "--core-hub", hub.type]
                try await RelayProcess.with(watch + ["--record", folder + "/capture"]) { relay in
                    let tail = try await ChildProcess.start(
                        RelayProcess.path(), ["tail", "--values", "--duration", "30s"] + watch, folder: folder)
                    do {
                        try await eventually("tail listens") { tail.errors.contains("subscribed") ? true : nil }
                        for (_, _, hex) in Self.compressed {
                            try await redis.command([
                                "PUBLISH", .bytes(hub.channel(.all, [])), .bytes(Self.bytes(hex)),
                            ])
                        }
                        try await eventually("tail shows both") {
                            tail.output.split(separator: "\n").count == 2 ? true : nil
                        }
                        for (type, count, _) in Self.compressed {
                            let call = #"ChatHub.Recv("plain",{"ext":\#(type),"compressed":"lz4","bytes":\#(count)})"#
                            #expect(tail.output.contains(call), "\(tail.output)")
                        }
                        await tail.terminate()
                    } catch {
                        await tail.terminate()
                        throw error
                    }
                    try await relay.waitForMetric("backplane_relay_recorded_envelopes_total", atLeast: 2)
                    for (series, value) in try await relay.metrics()
                    where series.hasPrefix("signalr_backplane_undecodable_total") { #expect(value == 0, "\(series)") }
                    #expect(try await relay.stop() == .code(0), "\(relay.child.errors)")
                }
                let lines = try await Finished.relay(["cat", "--values", folder + "/capture"])
                let json = try await Finished.relay(["cat", "--json", folder + "/capture"])
                let rows = try await Finished.relay(["export", "--format", "jsonl", folder + "/capture"])
                for (type, count, _) in Self.compressed {
                    let value = #"{"ext":\#(type),"compressed":"lz4","bytes":\#(count)}"#
                    for text in [lines.output, json.output, rows.output] { #expect(text.contains(value), "\(text)") }
                }
                #expect(!json.output.contains("\"error\""), "\(json.output)")
            }
        }
    }
}
