import Foundation
import Redis
import TestSupport
import Testing

/// `check` from the command line.
@Suite("The check command", .serialized, .needs(.redisServer))
struct CheckCommandTests {
    @Test("passes on a fresh Redis, over every transport", arguments: [2, 5])
    func passes(nodes: Int) async throws {
        try await RedisServer.with { redis in
            let check = try await Finished.relay(
                ["check", "--redis", redis.url, "--channel", "check", "--nodes", "\(nodes)"])
            #expect(check.exit == .code(0), "\(check.output)\(check.errors)")
            #expect(check.output.contains("PASS "))
        }
    }

    @Test(
        "while subscriptions are killed, missing messages are named by id, and nothing else is missing",
        arguments: [2, 5])
    func namesLosses(nodes: Int) async throws {
        try await RedisServer.with { redis in
            let check = try await redis.configuration.killingSubscriptions {
                try await Finished.relay(
                    [
                        "check", "--redis", redis.url, "--channel", "check", "--nodes", "\(nodes)", "--messages",
                        "\(4_000 / nodes)",
                    ], within: .seconds(180))
            }
            // If nothing was sent at the time of the kill, nothing is lost.
            #expect([.code(0), .code(3)].contains(check.exit), "\(check.output)\(check.errors)")
            #expect(check.output.contains(check.exit == .code(0) ? "PASS " : "PASS WITH LOSS"))
            if check.exit == .code(3) {
                let lost = check.errors.split(separator: "\n").filter { $0.contains("did not reach") }
                #expect(!lost.isEmpty)
                for line in lost {
                    let id = try #require(line.firstMatch(of: #/envelope (\d+)/#).flatMap { Int($0.1) }, "\(line)")
                    let deaf = try #require(
                        line.firstMatch(of: #/was deaf for ids? (\d+)(?:\.\.(\d+))?$/#), "\(line)")
                    let from = try #require(Int(deaf.1))
                    let to = deaf.2.flatMap { Int($0) } ?? from
                    #expect((from...to).contains(id), "\(line)")
                }
            }
        }
    }

    @Test("ASP.NET Core passes on a fresh Redis, over every transport and protocol", arguments: [2, 5])
    func corePasses(nodes: Int) async throws {
        try await RedisServer.with { redis in
            let check = try await Finished.relay(
                ["check", "--core", "--redis", redis.url, "--nodes", "\(nodes)"], within: .seconds(180))
            #expect(check.exit == .code(0), "\(check.output)\(check.errors)")
            #expect(check.output.contains("PASS ") && check.output.contains("stateful "))
        }
    }

    @Test(
        "ASP.NET Core: while subscriptions are killed, each missing message is named by number, node and client",
        arguments: [2, 5])
    func coreNamesLosses(nodes: Int) async throws {
        try await RedisServer.with { redis in
            var losses = 0
            // Killed at moments when nothing is sent, nothing is lost.
            for _ in 0..<10 where losses == 0 {
                let check = try await redis.configuration.killingSubscriptions {
                    try await Finished.relay(
                        [
                            "check", "--core", "--redis", redis.url, "--nodes", "\(nodes)", "--messages",
                            "\(4_000 / nodes)", "--json",
                        ], within: .seconds(240))
                }
                let outcome = try JSONDecoder().decode(CoreOutcome.self, from: Data(check.output.utf8))
                losses = outcome.losses.count
                #expect(check.exit == .code(losses == 0 ? 0 : 3), "\(check.output)\(check.errors)")
                let missing = outcome.rows.reduce(0) { $0 + $1.expected - $1.received }
                #expect(missing == losses)
                for loss in outcome.losses {
                    #expect(loss.gap.contains("was cut off from Redis") && loss.message >= 0)
                    #expect(loss.client.hasPrefix(loss.node + "/"))
                }
                try expectAllNamed(outcome.losses, check.errors)
            }
            #expect(losses > 0)
        }
    }

    /// The lines name each message at each client, unless there are too many lines.
    private func expectAllNamed(_ losses: [CoreOutcome.Loss], _ errors: String) throws {
        let lines = errors.split(separator: "\n").filter { $0.hasPrefix("lost: ") }
        guard !lines.contains(where: { $0.hasPrefix("lost: and ") }) else { return }
        var named: Set<String> = []
        for line in lines {
            let parts = try #require(
                line.firstMatch(of: #/messages? ([0-9., ]+) \(.*?\) did not reach (.*?): /#), "\(line)")
            let clients =
                parts.2.firstMatch(of: #/^(.*?) \((.*)\)$/#).map { group in
                    group.2.split(separator: ", ").map { "\(group.1)/\($0)" }
                } ?? [String(parts.2)]
            for range in parts.1.split(separator: ", ") {
                let ends = range.split(separator: "..").compactMap { Int($0) }
                for message in try #require(ends.first)...(try #require(ends.last)) {
                    for client in clients { named.insert("\(message) \(client)") }
                }
            }
        }
        #expect(named == Set(losses.map { "\($0.message) \($0.client)" }), "\(errors)")
    }

    private struct CoreOutcome: Decodable {
        struct Row: Decodable {
            let expected: Int
            let received: Int
        }
        struct Loss: Decodable {
            let message: Int
            let client: String
            let node: String
            let gap: String
        }
        let rows: [Row]
        let losses: [Loss]
    }

    @Test("no Redis: exit 1 in time, with its name and the remedy")
    func noRedis() async throws {
        let port = try FreePort.find()
        let check = try await Finished.relay(
            ["check", "--redis", "redis://127.0.0.1:\(port)", "--channel", "check"], within: .seconds(40))
        #expect(check.exit == .code(1))
        #expect(check.errors.contains("127.0.0.1:\(port)"), "\(check.errors)")
    }
}
