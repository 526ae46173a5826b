import Backplane
import Foundation
import Redis
import TestSupport
import Testing

/// The number of commands that a relay has timed, compared with INFO commandstats.
@Suite("Durations of commands", .needs(.redisServer), .timeLimit(.minutes(2)))
struct CommandDurationTests {
    private static func series(_ command: String) -> String {
        "backplane_relay_redis_command_seconds_count{command=\"\(command)\"}"
    }

    private static func calls(_ client: RedisClient) async throws -> [String: Double] {
        let text = try #require(try await client.send(["INFO", "commandstats"]).text)
        return Dictionary(
            text.matches(of: #/cmdstat_([^:]+):calls=(\d+)/#).map { (String($0.1), Double($0.2) ?? 0) },
            uniquingKeysWith: +)
    }

    @Test(
        "every command of every connection is measured: subscription, tap, watch, discovery, pings, markers",
        arguments: [["--tap"], ["--markers", "1s", "--ping", "1s"]])
    func everyCommand(options: [String]) async throws {
        try await RedisServer.with { redis in
            try await TemporaryDirectory.with { folder in
                let file = folder + "/password"
                try Data("secret".utf8).write(to: URL(filePath: file))
                try await redis.command(["ACL", "SETUSER", "relay", "on", ">secret", "~*", "&*", "+@all"])
                try await redis.withCoreNode(CoreHub(type: "Chat.ChatHub"), also: [(.connection, "c1")]) {
                    try await redis.withClient { client in
                        try await client.send(["CONFIG", "RESETSTAT"])
                        let arguments = [
                            "--redis", "127.0.0.1:\(redis.port),user=relay,keepAlive=1", "--redis-password-file", file,
                            "--channel", "chat", "--core",
                        ]
                        try await RelayProcess.with(arguments + options) { relay in
                            let isTapped = options == ["--tap"]
                            let awaited = isTapped ? "psync" : "exec"
                            try await relay.waitForMetrics("all kinds of commands", within: .seconds(40)) { metrics in
                                ["subscribe", "hello", "ping", "get", awaited].allSatisfy {
                                    metrics[Self.series($0), default: 0] > 0
                                }
                            }
                            let before = try await relay.metrics()
                            var counted = try await Self.calls(client)
                            // Commands of this test, and commands inside transactions.
                            counted["config|resetstat"] = nil
                            for command in isTapped ? [] : ["info", "publish"] { counted[command] = nil }
                            // One is withdrawn before its reply: it makes the server open its backlog.
                            if let syncs = counted["psync"] { counted["psync"] = syncs - 1 }
                            // REPLCONF ACK has no reply.
                            let acknowledged = counted.removeValue(forKey: "replconf")
                            #expect((acknowledged != nil) == isTapped)
                            for (command, calls) in counted {
                                let measured = try #require(before[Self.series(command)], "no series for \(command)")
                                #expect(measured <= calls, "\(command)")
                            }
                            try await relay.waitForMetrics("as many as Redis has counted: \(counted)") { metrics in
                                counted.allSatisfy { metrics[Self.series($0.key), default: 0] >= $0.value }
                            }
                            let after = try await relay.metrics()
                            #expect(after[Self.series("other")] == 0)
                            #expect((after[Self.series("replconf"), default: 0] > 0) == isTapped)
                        }
                    }
                }
            }
        }
    }
}
