import Backplane
import Foundation
import Redis
import TestSupport
import Testing

/// Channels and event keys on a Redis, and suggestions for a misspelled name.
@Suite("Channels", .serialized, .needs(editions: .redis7, .redis6, .valkey9), .needs(.python))
struct ChannelsTests {
    private struct List: Decodable {
        struct Row: Decodable, Equatable {
            var channel: String
            var looksLike: String
            var subscribers: Int?
            var lastId: UInt64?
            var database: Int?
            var channels: Int
        }

        var command: String
        var channels: [Row]
    }

    /// Subscribes to the channels given after the port, and reports it.
    private static let subscriber = """
        import socket, sys
        s = socket.create_connection(("127.0.0.1", int(sys.argv[1])))
        names = [n.encode() for n in sys.argv[2:]]
        s.sendall(b"*%d\\r\\n$9\\r\\nSUBSCRIBE\\r\\n" % (len(names) + 1) + b"".join(b"$%d\\r\\n%s\\r\\n" % (len(n), n) for n in names))
        read = b""
        while read.count(b"subscribe") < len(names): read += s.recv(65536)
        print("subscribed", flush=True)
        while s.recv(65536): pass
        """

    private func with(_ names: [String], on redis: RedisServer, _ body: (String) async throws -> Void) async throws {
        try await TemporaryDirectory.with { folder in
            let child = try await ChildProcess.start(
                Tool.python.requiredPath(), ["-c", Self.subscriber, "\(redis.port)"] + names, folder: folder)
            do {
                try await eventually("it has subscribed") { child.output.contains("subscribed") ? true : nil }
                try await body(folder)
                await child.terminate()
            } catch {
                await child.terminate()
                throw error
            }
        }
    }

    private static let names =
        ["chat", "orders", "new\u{1B}[2J", "text"]
        + ["all", "internal:groups", "internal:ack:a", "internal:return:a", "user:ann"].map { "Web.ChatHub:" + $0 }
        + (0..<40).map { "Web.ChatHub:connection:c\($0)" }

    @Test("event keys and hubs are distinguished; nothing is changed", arguments: RedisEdition.allCases)
    func list(edition: RedisEdition) async throws {
        try await RedisServer.with(edition: edition) { redis in
            try await redis.command(["SET", "chat", "412"])
            try await redis.command(["SET", "text", "no number"])
            try await redis.withClient { client in
                try await client.send(["SELECT", "3"])
                try await client.send(["SET", "orders", "7"])
            }
            try await with(Self.names, on: redis) { _ in
                let shown = try await Finished.relay(["channels", "--redis", redis.url])
                #expect(shown.exit == .code(0), "\(shown.errors)")
                #expect(!shown.output.contains("\u{1B}"))
                #expect(shown.output.contains("counter in database 3"))
                let json = try await Finished.relay(["channels", "--redis", redis.url, "--json"])
                let decoder = JSONDecoder()
                decoder.keyDecodingStrategy = .convertFromSnakeCase
                let list = try decoder.decode(List.self, from: Data(json.output.utf8))
                #expect(list.command == "channels")
                #expect(
                    list.channels == [
                        .init(
                            channel: "chat", looksLike: "signalr2", subscribers: 1, lastId: 412, database: 0,
                            channels: 1),
                        .init(
                            channel: "orders", looksLike: "signalr2", subscribers: 1, lastId: 7, database: 3,
                            channels: 1),
                        .init(channel: "Web.ChatHub", looksLike: "core", subscribers: 1, channels: 45),
                        .init(channel: "new\u{1B}[2J", looksLike: "neither", subscribers: 1, channels: 1),
                        .init(channel: "text", looksLike: "neither", subscribers: 1, channels: 1),
                    ])
                #expect(try await redis.command(["DBSIZE"]).integer == 2)
            }
        }
    }

    private struct HubList: Decodable {
        struct Hub: Decodable, Equatable {
            var type: String
            var channelPrefix: String
            var nodes: Int
            var servers: [String]
            var versions: String?
            var connections: Int
            var groups: Int
            var users: Int
        }

        struct Row: Decodable, Equatable {
            var channel: String
            var hub: Hub?
            var attach: String?
        }

        var channels: [Row]
    }

    @Test("for each hub: type, prefix, nodes, their subscriptions, and the command", arguments: RedisEdition.allCases)
    func hubs(edition: RedisEdition) async throws {
        try await RedisServer.with(edition: edition) { redis in
            try await redis.command(["SET", "my chat", "1"])
            let hub = CoreHub(prefix: "orc", type: "Chat.Room`1[[System.Int32, X]]")
            let names: [(CoreKind, String)] = [(.connection, "c"), (.group, "a:b"), (.group, "x:all"), (.user, "ann")]
            try await redis.withCoreNode(hub, also: names) {
                try await redis.withCoreNode(hub, machine: "web2") {
                    try await with(["my chat"], on: redis) { _ in
                        let json = try await Finished.relay(["channels", "--redis", redis.url, "--json"])
                        let decoder = JSONDecoder()
                        decoder.keyDecodingStrategy = .convertFromSnakeCase
                        let list = try decoder.decode(HubList.self, from: Data(json.output.utf8))
                        let guid = "_0123456789abcdef0123456789abcdef"
                        #expect(
                            list.channels == [
                                .init(channel: "my chat", attach: "backplane-relay run --channel 'my chat'"),
                                .init(
                                    channel: hub.topic,
                                    hub: .init(
                                        type: hub.type, channelPrefix: "orc", nodes: 2,
                                        servers: ["web1" + guid, "web2" + guid], versions: ".NET 7 or later",
                                        connections: 1, groups: 2, users: 1),
                                    attach:
                                        "backplane-relay run --channel-prefix orc --core-hub 'Chat.Room`1[[System.Int32, X]]'"
                                ), .init(channel: "orc__Booksleeve_MasterChanged"),
                            ])
                        // The prefix of the address has no effect here, and needs no warning.
                        let address = "127.0.0.1:\(redis.port),channelPrefix=orc"
                        let shown = try await Finished.relay(["channels", "--redis", address])
                        #expect(!shown.errors.contains("channelPrefix"), "\(shown.errors)")
                        #expect(!shown.output.contains("all 2 hubs"))
                        try await redis.withCoreNode(CoreHub(prefix: "orc", type: "Other")) {
                            let both = try await Finished.relay(["channels", "--redis", address])
                            #expect(
                                both.output.contains(
                                    "all 2 hubs with the channel prefix 'orc':\n  backplane-relay run --core --channel-prefix orc\n"
                                ), "\(both.output)")
                        }
                        for part in [
                            "hub Chat.Room`1[[System.Int32, X]] of ASP.NET Core, channel prefix 'orc', 2 nodes (web1, web2; .NET 7 or later), 1 connection, 2 groups, 1 user",
                            "  backplane-relay run --channel-prefix orc --core-hub 'Chat.Room`1[[System.Int32, X]]'",
                            "  backplane-relay run --channel 'my chat'",
                        ] { #expect(shown.output.contains(part), "\(part) in:\n\(shown.output)") }
                    }
                }
            }
        }
    }

    @Test("with too many channels it does not list them, and gives the reason")
    func tooMany() async throws {
        try await RedisServer.with { redis in
            try await with(Self.names, on: redis) { _ in
                try await redis.command(["CONFIG", "RESETSTAT"])
                let shown = try await Finished.relay(["channels", "--redis", redis.url, "--max-channel-scan", "10"])
                #expect(shown.exit == .code(1))
                #expect(shown.errors.contains("more than 10"))
                let statistics = try await redis.command(["INFO", "commandstats"]).text ?? ""
                #expect(!statistics.contains("cmdstat_pubsub|channels"))
                for command in ["keys", "scan"] { #expect(!statistics.contains("cmdstat_\(command):")) }
            }
        }
    }

    @Test(
        "a mistyped event key: run, --check-only and tail name the one that was meant", arguments: RedisEdition.allCases
    )
    func meant(edition: RedisEdition) async throws {
        try await RedisServer.with(edition: edition) { redis in
            try await with(["chat", "Web.ChatHub:all"], on: redis) { folder in
                let check = try await Finished.relay(["run", "--check-only", "--redis", redis.url, "--channel", "Chta"])
                #expect(check.output.contains("did you mean 'chat'?"), "\(check.output)")
                try await RelayProcess.with(["--redis", redis.url, "--channel", "Chat"]) { relay in
                    try await eventually("run says it") {
                        relay.child.errors.contains("did you mean 'chat'?") ? true : nil
                    }
                    for part in [
                        "watching", "channels=Chat", "redis=127.0.0.1:\(redis.port)", "page=http://127.0.0.1:",
                    ] {
                        #expect(relay.child.errors.contains(part), "\(part)")
                    }
                }
                let tail = try await ChildProcess.start(
                    RelayProcess.path(), ["tail", "--redis", redis.url, "--channel", "chats"], folder: folder)
                do {
                    try await eventually("tail says it") { tail.errors.contains("did you mean 'chat'?") ? true : nil }
                    await tail.terminate()
                } catch {
                    await tail.terminate()
                    throw error
                }
            }
        }
    }
}
