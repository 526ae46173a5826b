import Backplane
import Foundation
import Redis
import TestSupport
import Testing

/// `run --check-only` and the first lines of `run` and `tail` on a Redis with hubs of ASP.NET Core.
@Suite("Pre-flight for ASP.NET Core", .serialized, .needs(editions: .redis7, .redis6, .valkey9))
struct CorePreflightTests {
    private static let generic =
        "Chat.RoomHub`1[[System.Int32, System.Private.CoreLib, Version=8.0.0.0, Culture=neutral, PublicKeyToken=7cec85d7bea7798e]]"

    private static func check(_ redis: RedisServer, _ arguments: [String], string: String = "") async throws
        -> Finished
    {
        try await Finished.relay(
            ["run", "--check-only", "--listen", "127.0.0.1:0", "--redis", "127.0.0.1:\(redis.port)" + string]
                + arguments)
    }

    @Test("the string of Program.cs with its prefix: hubs, nodes, cost and ACL", arguments: RedisEdition.allCases)
    func pasted(edition: RedisEdition) async throws {
        try await RedisServer.with(edition: edition) { redis in
            let hubs = ["Chat.Hubs.ChatHub", "Blazor.Circuits"].map { CoreHub(prefix: "orc", type: $0) }
            try await redis.withCoreNodes(hubs, also: [(.group, "g"), (.connection, "c")]) {
                try await redis.withCoreNodes(hubs, machine: "web2") {
                    let check = try await Self.check(
                        redis, ["--core", "--core-exclude", "Blazor.Circuits"], string: ",channelPrefix=orc")
                    #expect(check.exit == .code(0), "\(check.output)\(check.errors)")
                    for part in [
                        "hub           Chat.Hubs.ChatHub (channel prefix 'orc'): 2 nodes (web1, web2; .NET 7 or later), 2 subscribers, SUBSCRIBE and PSUBSCRIBE permitted",
                        "excluded      Blazor.Circuits",
                        "patterns      4 for 1 hub: each PUBLISH of this Redis takes about 0.2 us longer",
                        "connections   not watched",
                        "acl           ACL SETUSER relay on >SECRET resetkeys resetchannels &orcChat.Hubs.ChatHub:all &",
                        "OK            the relay can attach",
                    ] { #expect(check.output.contains(part), "\(part) in:\n\(check.output)") }
                    for part in ["channelPrefix", "counter", "evict"] {
                        #expect(
                            !(check.output + check.errors).contains(part), "\(part) in:\n\(check.output)\(check.errors)"
                        )
                    }
                    // A tail or relay is not a node.
                    let both = try await Self.check(
                        redis, ["--core", "--channel", "chat"], string: ",channelPrefix=orc")
                    #expect(
                        both.errors.contains("'channelPrefix' is used for ASP.NET Core SignalR only"), "\(both.errors)")
                }
            }
        }
    }

    @Test("the printed ACL permits only what the relay does", arguments: RedisEdition.allCases)
    func access(edition: RedisEdition) async throws {
        try await RedisServer.with(edition: edition) { redis in
            let prefix = #"a*?[b]\ "c'"#
            let hubs = [
                CoreHub(prefix: prefix, type: Self.generic), CoreHub(prefix: prefix, type: "Chat.Hubs.Outer+ChatHub"),
            ]
            try await redis.withCoreNodes(hubs) {
                for connections in [false, true] {
                    let more = connections ? ["--core-connections", "--channel", "chat"] : []
                    let arguments = ["--core", "--channel-prefix", prefix] + more
                    let check = try await Self.check(redis, arguments)
                    #expect(check.exit == .code(0), "\(check.output)\(check.errors)")
                    let line = try #require(check.output.firstMatch(of: #/(?m)^acl +(.*)$/#)).output.1
                    let words = line.split(separator: " ").map { $0 == ">SECRET" ? ">x" : String($0) }
                    _ = try? await redis.command(["ACL", "DELUSER", "relay"])
                    try await redis.command(words.map { .text($0) })
                    for hub in hubs {
                        let watch = CoreWatch(hub, connections: connections)
                        for channel in watch.channels {
                            #expect(try await Self.isPermitted(["SUBSCRIBE", .bytes(channel)], redis))
                        }
                        for pattern in watch.patterns {
                            #expect(try await Self.isPermitted(["PSUBSCRIBE", .bytes(pattern)], redis))
                        }
                        #expect(
                            try await Self.isPermitted(
                                ["PSUBSCRIBE", .bytes(CoreWatch(hub, connections: true).patterns[4])], redis)
                                == connections)
                    }
                    for command in [
                        ["SUBSCRIBE", "other:all"], ["PSUBSCRIBE", "*"],
                        ["PUBLISH", .bytes(hubs[0].channel(.all, [])), "x"],
                        ["SET", "chat", "1"], ["KEYS", "*"],
                    ] as [[RESPArgument]] {
                        #expect(try await !Self.isPermitted(command, redis), "\(command)")
                    }
                    #expect(try await Self.isPermitted(["GET", "chat"], redis) == connections)
                    let again = try await Self.check(redis, arguments, string: ",user=relay,password=x")
                    #expect(again.exit == .code(0), "\(again.output)\(again.errors)")
                    #expect(!again.output.contains("refused"), "\(again.output)")
                    #expect(!again.output.contains("not permitted"), "\(again.output)")
                }
                // A permission for SUBSCRIBE alone does not cover patterns.
                try await redis.command(["ACL", "SETUSER", "relay", "resetchannels", "&*Chat*"])
                let refused = try await Self.check(
                    redis, ["--core", "--channel-prefix", prefix], string: ",user=relay,password=x")
                #expect(refused.exit == .code(1))
                #expect(refused.output.contains("cannot be subscribed to"), "\(refused.output)")
                #expect(refused.output.contains("PSUBSCRIBE refused"), "\(refused.output)")
            }
        }
    }

    private static func isPermitted(_ command: [RESPArgument], _ redis: RedisServer) async throws -> Bool {
        try await redis.withClient { client in
            try await client.send(["AUTH", "relay", "x"])
            do {
                try await client.send(command)
                return true
            } catch let error as RedisError where error.isRefusalOfCommand {
                return false
            }
        }
    }

    @Test("more than 40 patterns need confirmation, in the check and at the start")
    func manyPatterns() async throws {
        try await RedisServer.with { redis in
            try await redis.withCoreNodes((0..<11).map { CoreHub(type: "Chat.Hub\($0)") }) {
                let check = try await Self.check(redis, ["--core"])
                #expect(check.exit == .code(1))
                #expect(check.output.contains("11 hubs need 44 patterns"), "\(check.output)")
                #expect(check.output.contains("(--core-hub, or --yes)"), "\(check.output)")
                #expect(try await Self.check(redis, ["--core", "--yes"]).exit == .code(0))
                #expect(try await Self.check(redis, ["--core", "--core-exclude", "Chat.Hub3"]).exit == .code(0))
                let named = (0..<11).flatMap { ["--core-hub", "Chat.Hub\($0)"] }
                #expect(try await Self.check(redis, named).exit == .code(0))
                for command in ["run", "tail"] {
                    let run = try await Finished.relay([command, "--redis", redis.url, "--core"])
                    #expect(run.exit == .code(1))
                    #expect(run.errors.contains("11 hubs need 44 patterns"), "\(run.errors)")
                }
                let scan = try await Self.check(redis, ["--core", "--max-channel-scan", "3"])
                #expect(scan.exit == .code(1))
                #expect(scan.output.contains("(--core-hub, --max-channel-scan)"), "\(scan.output)")
            }
        }
    }

    @Test("a hub whose channels match the patterns of a watched one is named with the remedy")
    func overlap() async throws {
        try await RedisServer.with { redis in
            try await redis.withCoreNodes([CoreHub(type: "Chat"), CoreHub(prefix: "Chat:", type: "group")]) {
                let said =
                    "patterns of the hub 'Chat' match channels of the hub 'Chat:group': messages of the second hub are attributed to the first; give the second application a channel prefix that does not begin with 'Chat:'"
                for arguments in [["--core"], ["--core-hub", "Chat"]] {
                    let check = try await Self.check(redis, arguments)
                    #expect(check.exit == .code(0), "\(check.output)\(check.errors)")
                    #expect(check.output.contains("warning       " + said), "\(check.output)")
                }
                try await RelayProcess.with(["--redis", redis.url, "--core"]) { relay in
                    #expect(relay.child.errors.contains(said), "\(relay.child.errors)")
                }
            }
        }
    }

    @Test(
        "the wrong backplane: what lives there instead, and the option that watches it",
        arguments: RedisEdition.allCases)
    func wrongKind(edition: RedisEdition) async throws {
        try await RedisServer.with(edition: edition) { redis in
            try await redis.withCoreNode(CoreHub(prefix: "my:app:", type: "OracleHub")) {
                let check = try await Self.check(redis, ["--channel", "chat"])
                let said = "ASP.NET Core SignalR uses this Redis"
                #expect(check.output.contains(said), "\(check.output)")
                #expect(check.output.contains("(use --core --channel-prefix my:app:)"), "\(check.output)")
                // Twice: the second time another relay is subscribed.
                try await RelayProcess.with(["--redis", redis.url, "--channel", "chat"]) { relay in
                    #expect(relay.child.errors.contains(said), "\(relay.child.errors)")
                }
                let tail = try await Finished.relay([
                    "tail", "--redis", redis.url, "--channel", "chat", "--duration", "100ms",
                ])
                #expect(tail.errors.contains(said) && tail.errors.contains("use --core"), "\(tail.errors)")
                let prefix = try await Self.check(redis, ["--core"])
                #expect(prefix.output.contains("(did you mean --channel-prefix my:app:?)"), "\(prefix.output)")
                let hub = try await Self.check(redis, ["--core-hub", "OracleHub"])
                #expect(hub.output.contains("(--channel-prefix my:app: --core-hub OracleHub)"), "\(hub.output)")
            }
            try await redis.command(["SET", "chat", "7"])
            try await redis.withClient { node in
                try await node.send(["SUBSCRIBE", "chat"])
                let check = try await Self.check(redis, ["--core"])
                #expect(
                    check.output.contains(
                        "SignalR 2 uses this Redis, with the event key 'chat' (use --channel chat)"),
                    "\(check.output)")
                #expect(check.output.contains("hubs          none found"), "\(check.output)")
            }
        }
    }
}
