import Backplane
import Foundation
import Redis
import TestSupport
import Testing

/// Redis as a managed service offers it: many commands are renamed or refused.
@Suite("Managed services", .needs(.redisServer), .timeLimit(.minutes(2)))
struct ManagedServiceTests {
    private static let rounds = #"backplane_relay_redis_command_seconds_count{command="get"}"#

    /// Commands that a relay can do without. Not GET: the test counts rounds by it.
    private static let refused = [
        "CONFIG", "CLIENT", "INFO", "PUBSUB", "ROLE", "ACL", "DEBUG", "PING", "TIME", "SELECT", "HELLO", "CLUSTER",
        "PSYNC",
    ]

    @Test("a relay records without any of the commands that it can do without, and repeats no log line")
    func everythingRefused() async throws {
        try await RedisServer.with(Self.refused.flatMap { ["--rename-command", $0, ""] }) { redis in
            try await Self.record(at: redis)
        }
    }

    @Test("the same where the ACL denies them")
    func nothingPermitted() async throws {
        try await RedisServer.with { redis in
            try await redis.command([
                "ACL", "SETUSER", "relay", "on", ">secret", "~chat", "&chat", "-@all", "+subscribe", "+get",
            ])
            try await Self.record(at: redis, login: ",user=relay,password=secret")
        }
    }

    private static func record(at redis: RedisServer, login: String = "") async throws {
        try await TemporaryDirectory.with { folder in
            // Pings of a connection after a second without traffic: more often than in two rounds.
            let address = "127.0.0.1:\(redis.port),keepAlive=1" + login
            let arguments = ["--channel", "chat", "--record", folder + "/capture"]
            try await RelayProcess.with(arguments, environment: ["BACKPLANE_RELAY_REDIS": address]) { relay in
                try await redis.withClient { _ = try await NodePublisher($0, channel: "chat").publish(50) }
                try await relay.waitForMetric("backplane_relay_recorded_envelopes_total", atLeast: 50)
                try await relay.waitForMetric(rounds, atLeast: 4, within: .seconds(60))
                #expect(try await relay.metric("backplane_relay_reconnects_total") == 0)
                #expect(try await relay.stop() == .code(0), "\(relay.child.errors)")
                let lines = relay.child.errors.split(separator: "\n").map { line in
                    line.split(separator: " ", maxSplits: 1).last.map(String.init) ?? ""
                }
                #expect(Set(lines).count == lines.count, "\(relay.child.errors)")
            }
            let info = try await CaptureInfo.read(folder + "/capture")
            #expect(info.envelopes == 50 && info.complete == true)
        }
    }

    /// Otherwise a managed service might refuse something that the manual does not name.
    @Test("the list of commands names everything that the watching commands ask")
    func theListIsComplete() async throws {
        try await RedisServer.with { redis in
            try await TemporaryDirectory.with { folder in
                let file = folder + "/password"
                try Data("secret".utf8).write(to: URL(filePath: file))
                try await redis.command(["ACL", "SETUSER", "relay", "on", ">secret", "~*", "&*", "+@all"])
                _ = try await redis.withClient { try await NodePublisher($0, channel: "chat").publish(3) }
                try await redis.command(["CONFIG", "RESETSTAT"])
                let connection = [
                    "--redis", "127.0.0.1:\(redis.port),user=relay,defaultDatabase=0", "--redis-password-file", file,
                ]
                let watched = ["--channel", "chat", "--core"]
                try await redis.withCoreNode(CoreHub(type: "Chat.ChatHub"), also: [(.connection, "c1")]) {
                    try await RelayProcess.with(connection + watched + ["--ping", "1s", "--markers", "1s"]) { relay in
                        for arguments in [
                            ["run", "--check-only", "--listen", "127.0.0.1:0"] + connection + watched,
                            ["tail", "--duration", "1s"] + connection + watched,
                            ["channels"] + connection,
                        ] {
                            let command = try await Finished.relay(arguments)
                            #expect(command.exit == .code(0), "\(arguments)\n\(command.output)\(command.errors)")
                        }
                        let asked = #"backplane_relay_redis_command_seconds_count{command="publish"}"#
                        try await relay.waitForMetric(asked, atLeast: 1)
                        try await relay.waitForMetric("backplane_relay_marker_published_total", atLeast: 1)
                        let other = #"backplane_relay_redis_command_seconds_count{command="other"}"#
                        #expect(try await relay.metric(other) == 0)
                    }
                }
                let statistics = try #require(await redis.command(["INFO", "commandstats"]).text)
                let names = Set(statistics.matches(of: #/cmdstat_([^:]+):/#).map { String($0.1) })
                let listed = Set(AskedCommand.allCases.map(\.rawValue))
                #expect(names.subtracting(listed) == ["config|resetstat"])
                // As seen by the server: the test proves something.
                #expect(
                    names.isSuperset(of: [
                        "pubsub|channels", "client|list", "hello", "psubscribe", "acl|whoami", "exec",
                    ]))
            }
        }
    }
}
