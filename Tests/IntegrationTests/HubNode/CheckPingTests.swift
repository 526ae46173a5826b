import Backplane
import Foundation
import HubNode
import JSON
import NIOCore
import Redis
import SignalRClient
import TestSupport
import Testing

@testable import backplane_relay

/// `check --ping` beside this package's nodes.
@Suite("check --ping", .serialized, .needs(.redisServer))
struct CheckPingTests {
    private static let hub = CoreHub(prefix: "app:", type: "Chat.Hubs.ChatHub")

    private static func arguments(_ url: String, _ ports: [Int] = []) -> [String] {
        ["check", "--core", "--ping", "--core-hub", hub.type, "--channel-prefix", hub.prefix, "--redis", url]
            + ports.flatMap { ["--hub-url", "http://127.0.0.1:\($0)/chathub"] }
    }

    private struct Report: Decodable {
        struct Row: Decodable {
            let node: String?
            let url: String?
            let connection: String?
            let pings: Int
            let answered: Int
            let roundTripSeconds: [Double]
            let result: String
        }
        let verdict: String
        let rows: [Row]
        let faults: [String]
    }

    private static func report(_ finished: Finished) throws -> Report {
        try JSONDecoder().decode(Report.self, from: Data(finished.output.utf8))
    }

    @Test(
        "measures each node by name and publishes nothing but pings",
        .needs(.python), arguments: [[], ["--transport", "longPolling", "--protocols", "messagepack"]])
    func measures(options: [String]) async throws {
        try await RedisServer.with { redis in
            try await withNode(redis) { first in
                try await withNode(redis) { second in
                    try await EverythingHeard.with(redis) { heard in
                        let run = try await Finished.relay(
                            Self.arguments(redis.url, [first, second]) + ["--json", "--ping-count", "5"] + options)
                        #expect(run.exit == .code(0), "\(run.output)\(run.errors)")
                        let report = try Self.report(run)
                        #expect(report.verdict == "pass" && report.faults == [])
                        #expect(report.rows.map(\.node) == ["node 1", "node 2"])
                        #expect(
                            report.rows.map(\.url)
                                == [first, second].map { "http://127.0.0.1:\($0)/chathub" })
                        #expect(Set(report.rows.compactMap(\.connection)).count == 2)
                        for row in report.rows {
                            #expect(row.pings == 5 && row.answered == 5 && row.result == "ok")
                            #expect(row.roundTripSeconds.count == 5)
                            #expect(row.roundTripSeconds.allSatisfy { $0 > 0 && $0 < 5 })
                        }
                        // Ten commands, and the nodes' acks of them.
                        let messages = try await heard.messages(count: 20)
                        let groups = Self.hub.channel(.groupCommand, [UInt8]())
                        let acks = Self.hub.channel(.ack, Array("backplane-relay~ping_".utf8))
                        #expect(messages.count { $0.channel == groups } == 10)
                        #expect(messages.count { $0.channel.starts(with: acks) } == 10 && messages.count == 20)
                    }
                }
            }
        }
    }

    @Test("without addresses, connections of the hub are pinged; without connections it says so")
    func connections() async throws {
        try await RedisServer.with { redis in
            try await withNode(redis) { port in
                try await withClients(3, port) { connections in
                    let run = try await Finished.relay(Self.arguments(redis.url) + ["--json"])
                    #expect(run.exit == .code(0), "\(run.output)\(run.errors)")
                    let report = try Self.report(run)
                    #expect(Set(report.rows.compactMap(\.connection)) == connections)
                    #expect(report.rows.allSatisfy { $0.node == nil && $0.url == nil && $0.answered == 10 })
                    let some = try await Finished.relay(
                        Self.arguments(redis.url) + ["--ping-connections", "2", "--ping-count", "1"])
                    #expect(some.exit == .code(0), "\(some.output)\(some.errors)")
                    #expect(connections.count { some.output.contains($0) } == 2, "\(some.output)")
                    #expect(some.output.contains("PASS  "), "\(some.output)")
                }
                // The hub of another prefix has connections, this one has none.
                try await eventually("its clients have left") {
                    try await redis.command(["PUBSUB", "CHANNELS", "*:connection:*"]).array?.isEmpty == true
                        ? true : nil
                }
                let none = try await Finished.relay(Self.arguments(redis.url))
                #expect(none.exit == .code(1))
                #expect(
                    none.errors.contains("the hub 'app:Chat.Hubs.ChatHub' has no connection on"), "\(none.errors)")
            }
        }
    }

    @Test("a node that is stopped meanwhile, and one that was stopped before, fail with their addresses")
    func stopped() async throws {
        try await TemporaryDirectory.with { folder in
            try await RedisServer.with { redis in
                try await withNode(redis) { first in
                    try await HubProcess.with(Self.node(redis.url), folder) { second, node in
                        let check = try await ChildProcess.start(
                            RelayProcess.path(),
                            Self.arguments(redis.url, [first, second]) + ["--ping-count", "40"], folder: folder)
                        try await eventually("both nodes have a client") {
                            try await redis.command(["PUBSUB", "CHANNELS", "*:connection:*"]).array?.count == 2
                                ? true : nil
                        }
                        let before = try await publications(redis)
                        try await eventually("they are pinged") {
                            try await publications(redis) >= before + 8 ? true : nil
                        }
                        node.signal(SIGSTOP)
                        #expect(try await check.exit() == .code(1), "\(check.output)\(check.errors)")
                        let lines = check.output.split(separator: "\n")
                        #expect(lines.contains { $0.hasPrefix("node 1 ") && $0.hasSuffix("  ok") }, "\(lines)")
                        #expect(
                            lines.contains { $0.hasPrefix("node 2 ") && $0.hasSuffix(" without an answer") },
                            "\(lines)")
                        #expect(lines.last?.hasPrefix("FAIL") == true)
                        let faults = check.errors.split(separator: "\n").filter { $0.hasPrefix("wrong: ") }
                        #expect(faults.count == 1, "\(check.errors)")
                        #expect(
                            faults.first?.contains("node 2 http://127.0.0.1:\(second)/chathub: ") == true,
                            "\(faults)")

                        let again = try await Finished.relay(Self.arguments(redis.url, [first, second]))
                        #expect(again.exit == .code(1))
                        #expect(
                            again.errors.contains(
                                "wrong: node 2 http://127.0.0.1:\(second)/chathub: no client could connect"),
                            "\(again.errors)")
                        #expect(again.output.contains(#/node 1 [^\n]*  ok\n/#), "\(again.output)")
                        node.signal(SIGCONT)
                    }
                }
            }
        }
    }

    @Test("a node whose subscription is refused fails with its address")
    func cutOff() async throws {
        try await TemporaryDirectory.with { folder in
            try await RedisServer.with { redis in
                try await redis.command([
                    "ACL", "SETUSER", "second", "on", ">x", "~*", "&*", "+@all",
                ])
                let url = redis.url.replacing("redis://", with: "redis://second:x@")
                try await withNode(redis) { first in
                    try await HubProcess.with(Self.node(url), folder) { second, _ in
                        // Redis closes the subscriptions of this user.
                        try await redis.command(["ACL", "SETUSER", "second", "resetchannels"])
                        let run = try await Finished.relay(Self.arguments(redis.url, [first, second]))
                        #expect(run.exit == .code(1))
                        let faults = run.errors.split(separator: "\n").filter { $0.hasPrefix("wrong: ") }
                        #expect(faults.count == 1, "\(run.errors)")
                        #expect(
                            faults.first?.contains("node 2 http://127.0.0.1:\(second)/chathub: ") == true,
                            "\(faults)")
                    }
                }
            }
        }
    }

    @Test("nodes of another channel prefix are named")
    func elsewhere() async throws {
        try await RedisServer.with { redis in
            try await withNode(redis, prefix: "other:") { port in
                let run = try await Finished.relay(Self.arguments(redis.url, [port]))
                #expect(run.exit == .code(1))
                #expect(
                    run.errors.contains("no node was subscribed to the channel of its client's connection"),
                    "\(run.errors)")
            }
        }
    }

    @Test("the permissions in the manual suffice; without +publish Redis' refusal is named")
    func permissions() async throws {
        let manual = try #require(ManualTopic.all.first { $0.file == "Check" }).text
        let line = try #require(manual.firstMatch(of: #/\n(ACL SETUSER [^\n]*publish[^\n]*)\n/#)?.output.1)
        try await RedisServer.with { redis in
            let words = line.replacing("&Chat.", with: "&app:Chat.").split(separator: " ").map {
                String($0).replacing("SECRET", with: "x")
            }
            try await redis.command(words.map { .text($0) })
            let url = redis.url.replacing("redis://", with: "redis://check:x@")
            try await withNode(redis) { port in
                try await withClients(1, port) { _ in
                    for ports in [[port], []] {
                        let run = try await Finished.relay(Self.arguments(url, ports) + ["--ping-count", "1"])
                        #expect(run.exit == .code(0), "\(run.output)\(run.errors)")
                    }
                    try await redis.command(["ACL", "SETUSER", "check", "-publish"])
                    let refused = try await Finished.relay(Self.arguments(url, [port]))
                    #expect(refused.exit == .code(1))
                    #expect(refused.errors.contains("PUBLISH"), "\(refused.errors)")
                }
            }
        }
    }

    // MARK: - Steps

    private func publications(_ redis: RedisServer) async throws -> Int {
        let statistics = try await redis.command(["INFO", "commandstats"]).text ?? ""
        return statistics.firstMatch(of: #/cmdstat_publish:calls=(\d+)/#).flatMap { Int($0.1) } ?? 0
    }

    /// Options of a node in another process.
    private static func node(_ url: String) -> [String] {
        ["--redis", url, "--core-hub", hub.type, "--channel-prefix", hub.prefix]
    }

    private func withNode(
        _ redis: RedisServer, prefix: String = hub.prefix, _ body: (_ port: Int) async throws -> Void
    ) async throws {
        try await TestHubNode.with(redis: redis, channel: "") {
            $0.core = CoreHubSettings(
                backplane: CoreBackplaneSettings(hubType: Self.hub.type, channelPrefix: prefix))
        } _: { port in
            try await body(port)
        }
    }

    /// Runs `body` with the ids of connected clients.
    private func withClients(
        _ count: Int, _ port: Int, _ body: (_ connections: Set<String>) async throws -> Void
    ) async throws {
        let network = SignalRNetwork()
        let clients = try (0..<count).map { _ in
            CoreSignalRClient(
                configuration: CoreClientConfiguration(node: try NodeURL("http://127.0.0.1:\(port)/chathub")),
                network: network)
        }
        do {
            var connections: Set<String> = []
            for client in clients {
                try await client.start()
                // Answered once the node is subscribed for the client.
                _ = try await client.invoke("echo", [""])
                connections.insert(try #require(await client.connectionID))
            }
            try await body(connections)
        } catch {
            for client in clients { await client.stop() }
            await network.shutdown()
            throw error
        }
        for client in clients { await client.stop() }
        await network.shutdown()
    }
}
