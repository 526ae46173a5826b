import Foundation
import JSON
import Loopback
import NIOPosix
import Redis
import SignalRClient
import TestSupport
import Testing

/// Envelopes above `--max-envelope` pass through a hub node and a check without being kept in memory.
@Suite("Envelopes above the limit of a hub node", .serialized, .needs(.redisServer), .timeLimit(.minutes(3)))
struct OversizedEnvelopeTests {
    private static let size = 80 << 20
    /// Published like with a node's script.
    private static let publish =
        "local id = redis.call('INCR', KEYS[1]) "
        + "redis.call('PUBLISH', KEYS[1], id .. ' ' .. string.rep('x', ARGV[1])) return id"

    @Test("the node counts it, logs it once with id and size, and clients continue")
    func node() async throws {
        try await withUnlimitedRedis { redis, folder in
            let key = folder + "/key"
            try Data((0..<32).map { _ in UInt8.random(in: 0...255) }).write(to: URL(fileURLWithPath: key))
            let options = ["--redis", redis.url, "--channel", "chat", "--max-envelope", "2MiB", "--key-file", key]
            try await HubProcess.with(options, folder) { port, node in
                try await HubProcess.with(options, folder) { otherPort, _ in
                    try await passes(redis, node, port, other: otherPort)
                }
            }
        }
    }

    private func passes(_ redis: RedisServer, _ node: ChildProcess, _ port: Int, other: Int) async throws {
        try await SignalRNetwork.with { network in
            let stays = try HubClient(port: port, network: network)
            let moves = try HubClient(port: port, reconnectsByItself: false, network: network)
            for client in [stays, moves] { try await client.signalR.start() }
            try await stays.invoke("send", ["a", "before"])
            for client in [stays, moves] { try await client.expect([Self.call("before")]) }
            await moves.signalR.dropTransport()
            let before = try Self.memory("VmRSS", of: node)
            let id = try await publish(redis)
            try await stays.invoke("send", ["a", "after"])
            try await stays.expect([Self.call("before"), Self.call("after")])
            // The other node dropped it too: clients that were away when it arrived missed it. That node may still
            // be reading it: a client that reconnects before the end did not miss it.
            try await eventually("the other node has skipped it") {
                try await Self.metric("oversized_envelopes_total", at: other) == 1 ? true : nil
            }
            try await moves.signalR.reconnect(to: NodeURL("http://127.0.0.1:\(other)/signalr"))
            try await moves.expect([Self.call("before"), Self.call("after")])
            #expect(try await Self.metric("incomplete_resumes_total", at: other) == 1)

            #expect(try await Self.metric("oversized_envelopes_total", at: port) == 1)
            #expect(try await Self.metric("missed_ids_total", at: port) == 0)
            #expect(try await Self.metric("undecodable_total", at: port) == 0)
            // Counted first, then logged.
            let lines = try await eventually("it is logged") {
                let lines = node.errors.split(separator: "\n")
                    .filter { $0.contains("an envelope is larger than this node accepts") }
                return lines.isEmpty ? nil : lines
            }
            let line = try #require(lines.first)
            #expect(lines.count == 1 && line.contains("id=\(id)") && line.contains("limit=\(2 << 20)"))
            #expect(try Self.memory("VmHWM", of: node) - before < 24 << 10)
        }
    }

    private static func metric(_ name: String, at port: Int) async throws -> Double? {
        try await MetricsScrape.read(port: port)["backplane_relay_hub_" + name]
    }

    @Test("a check of running nodes does not keep it, and passes")
    func check() async throws {
        try await withUnlimitedRedis { redis, folder in
            let options = ["--redis", redis.url, "--channel", "chat"]
            try await HubProcess.with(options + ["--max-envelope", "2MiB"], folder) { port, _ in
                let check = try await ChildProcess.start(
                    RelayProcess.path(),
                    [
                        "check", "--hub-url", "http://127.0.0.1:\(port)/signalr", "--interval", "1s", "--json",
                        "--listen", "127.0.0.1:0",
                    ] + options, folder: folder)
                do {
                    let outcomes = { check.output.split(separator: "\n").count }
                    try await eventually("a first outcome", within: .seconds(60)) { outcomes() > 0 ? true : nil }
                    let before = try Self.memory("VmRSS", of: check)
                    for number in 1...3 {
                        try await eventually("the check is listening next to the node") {
                            let reply = try await redis.command(["PUBSUB", "NUMSUB", "chat"])
                            return reply.array?.last?.integer == 2 ? true : nil
                        }
                        try await publish(redis)
                        try await eventually("the node has skipped it") {
                            let metrics = try await MetricsScrape.read(port: port)
                            let seen = metrics["backplane_relay_hub_oversized_envelopes_total"]
                            return seen == Double(number) ? true : nil
                        }
                    }
                    let seen = outcomes()
                    try await eventually("another outcome", within: .seconds(60)) {
                        outcomes() > seen ? true : nil
                    }
                    #expect(try Self.memory("VmHWM", of: check) - before < 60 << 10)
                    #expect(check.output.split(separator: "\n").allSatisfy { $0.contains(#""verdict":"pass""#) })
                    await check.terminate()
                } catch {
                    await check.terminate()
                    throw error
                }
            }
        }
    }

    private func withUnlimitedRedis(_ body: (RedisServer, _ folder: String) async throws -> Void) async throws {
        try await RedisServer.with { redis in
            try await redis.command(["CONFIG", "SET", "client-output-buffer-limit", "pubsub 0 0 0"])
            try await TemporaryDirectory.with { folder in try await body(redis, folder) }
        }
    }

    @discardableResult
    private func publish(_ redis: RedisServer) async throws -> Int {
        // A busy server takes its time to create it and to copy it for each subscriber.
        var patient = redis.configuration
        patient.answerTimeoutMilliseconds = 60_000
        let client = try await RedisClient.connect(
            to: patient, eventLoopGroup: MultiThreadedEventLoopGroup.singleton)
        let answer = try await client.send(["EVAL", .text(Self.publish), "1", "chat", "\(Self.size)"])
        await client.close()
        return try #require(answer.integer.map { Int($0) })
    }

    private static func call(_ text: String) -> String { #"broadcastMessage["a","\#(text)"]"# }

    /// In KiB.
    private static func memory(_ what: String, of process: ChildProcess) throws -> Int {
        let status = try String(contentsOfFile: "/proc/\(process.processIdentifier)/status", encoding: .utf8)
        let line = try #require(status.split(separator: "\n").first { $0.hasPrefix(what + ":") })
        return try #require(Int(line.filter(\.isNumber)))
    }
}
