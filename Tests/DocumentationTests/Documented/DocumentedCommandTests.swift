import Backplane
import Foundation
import Redis
import SignalRClient
import TestSupport
import Testing

/// Every command of a shell block, every script in Python or SQL and every ACL rule is run against real servers.
@Suite(
    "Commands in the texts",
    .needs(.redisServer, .redisCLI, .curl, .jq, .zstd, .sqlite, .promtool, .python))
struct DocumentedCommandTests {
    @Test func `every command does its work`() async throws {
        try await DocumentedWorld.with { world in
            try await world.recordChat()
            try await world.recordHub()
            try await withLiveServers(of: world) { world in
                var seen: Set<String> = []
                for block in try FencedBlock.all() where seen.insert(block.text).inserted {
                    switch block.language {
                    case "sh": try await run(block, block.commands, in: world)
                    case "python": try await run(block, ["python3 script core.mcap"], in: world)
                    case "sql":
                        let export = "backplane-relay export captures --format sqlite -o capture.db"
                        try await run(block, ["\(export) && sqlite3 capture.db < script"], in: world)
                    default: break
                    }
                }
            }
        }
    }

    /// With the placeholders for these servers: a relay that has seen much, and two hub nodes.
    private func withLiveServers(
        of world: DocumentedWorld, _ body: (DocumentedWorld) async throws -> Void
    ) async throws {
        let source = world.source
        let relay = ["--redis", source.url, "--channel", "chat", "--channel", "chatapp", "--core"]
        try await world.withHubNode { first in
            try await world.withHubNode { second in
                try await source.withCoreNode(CoreHub(prefix: "app:", type: "Chat.Hubs.ChatHub")) {
                    try await RelayProcess.with(relay) { relay in
                        try await world.whileTalking {
                            try await relay.waitForMetrics("envelopes of both backplanes") { metrics in
                                let seen = metrics.filter { $0.key.hasPrefix("signalr_backplane_envelopes_total") }
                                return seen.filter { $0.value > 0 }.count == 3
                            }
                        }
                        try await DocumentedWorld.cut("backplane-relay", of: source) { connection in
                            try await source.command(["CLIENT", "KILL", "ID", .text(connection)])
                        }
                        try await eventually("the relay has lost its connection") {
                            relay.child.errors.contains("subscription lost") ? true : nil
                        }
                        try await relay.waitUntilReady()
                        try Data(relay.child.errors.utf8).write(to: URL(filePath: world.root + "/relay.log"))
                        var world = world
                        world.placeholders.metrics = relay.port
                        world.placeholders.nodes = [first, second]
                        try await withClient(of: first) { try await body(world) }
                    }
                }
            }
        }
    }

    /// A client of ASP.NET Core SignalR.
    private func withClient(of port: Int, _ body: () async throws -> Void) async throws {
        let network = SignalRNetwork()
        let client = CoreSignalRClient(
            configuration: CoreClientConfiguration(node: try NodeURL("http://127.0.0.1:\(port)/chathub")),
            network: network, onEvent: { _ in })
        try await client.start()
        do {
            try await body()
        } catch {
            await client.stop()
            await network.shutdown()
            throw error
        }
        await client.stop()
        await network.shutdown()
    }

    private func run(_ block: FencedBlock, _ commands: [String], in world: DocumentedWorld) async throws {
        let folder = try world.folder()
        try Data(block.text.utf8).write(to: URL(filePath: folder + "/script"))
        if block.language != "sh" { try world.supply(block.text, in: folder) }
        var exports: [String] = []
        for command in commands where ShellRules.exception(for: command) == nil {
            guard !command.hasPrefix("export ") else {
                exports.append(command)
                continue
            }
            let typed = ShellRules.listening(ShellRules.shortened(command))
            try world.supply(typed, in: folder)
            do {
                let finished =
                    if let service = ShellRules.service(command) {
                        try await world.whileTalking {
                            try await world.run(typed, as: service, after: exports, in: folder)
                        }
                    } else if command.contains("backplane-relay tail") {
                        try await world.whileTalking { try await world.run(typed, after: exports, in: folder) }
                    } else {
                        try await world.run(typed, after: exports, in: folder)
                    }
                let said = "\(block): \(typed)\n\(finished.output.suffix(2_000))\(finished.errors.suffix(2_000))"
                #expect(finished.exit == .code(ShellRules.status(of: command)), "\(said)")
                #expect(!finished.output.isEmpty || ShellRules.isSilent(command), "it prints nothing: \(said)")
            } catch {
                Issue.record("\(block): \(typed): \(error)")
            }
        }
    }

    // MARK: - Permissions

    @Test func `the ACL rules permit what the texts say`() async throws {
        let blocks = try FencedBlock.all("redis").filter { !$0.text.contains("SETUSER check") }
        #expect(blocks.count == 3)
        try await RedisServer.with { source in
            try await RedisServer.with { target in
                for block in blocks {
                    let isForward = block.text.contains("SETUSER forward")
                    let server = isForward ? target : source
                    let user = isForward ? "forward" : "relay"
                    if isForward {
                        let fresh = "ACL SETUSER forward reset on >SECRET"
                        try await server.command(fresh.split(separator: " ").map { .text(String($0)) })
                    }
                    let watched = block.text.contains("Chat.ChatHub") ? "--core-hub=Chat.ChatHub" : "--channel=chatapp"
                    let login = "127.0.0.1:\(server.port),user=\(user),password=SECRET"
                    let check =
                        ["run", "--check-only", "--listen", "127.0.0.1:0", watched]
                        + (isForward ? ["--redis", source.url, "--forward", login] : ["--redis", login])
                    for rule in block.text.split(separator: "\n") {
                        let words = rule.split(separator: " ").map(String.init)
                        let fewer = words.filter { $0 != "+publish" && $0 != "+subscribe" }
                        if fewer.count < words.count {
                            try await server.command(fewer.map { .text($0) })
                            let before = try await Finished.relay(check)
                            #expect(before.exit == .code(1), "\(block): \(fewer)\n\(before.output)")
                        }
                        try await server.command(words.map { .text($0) })
                        let after = try await Finished.relay(check)
                        #expect(after.exit == .code(0), "\(block): \(rule)\n\(after.output)\(after.errors)")
                    }
                }
            }
        }
    }
}
