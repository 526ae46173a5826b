import Foundation
import Redis
import TestSupport
import Testing

/// The command line: usage, environment, secrets, signals, the demo.
@Suite("Command line", .serialized)
struct CommandLineTests {
    private static let secret = "s3cr3t-of-the-test"

    @Test(
        "wrong usage: exit 64 and a word on what is wrong",
        arguments: [
            ["nonsense"],
            ["run"],
            ["run", "--redis", "redis://127.0.0.1:1"],
            ["run", "--redis", "ftp://127.0.0.1", "--channel", "chat"],
            ["run", "--redis", "redis://127.0.0.1:1", "--channel", ""],
            ["run", "--redis", "redis://127.0.0.1:1", "--channel", "chat", "--channel", "chat"],
            ["run", "--redis", "redis://127.0.0.1:1", "--channel", "chat", "--compression", "gzip"],
            ["run", "--redis", "redis://127.0.0.1:1", "--channel", "chat", "--compression-level", "99"],
            ["run", "--redis", "redis://127.0.0.1:1", "--channel", "chat", "--segment-size", "-1"],
            ["run", "--redis", "redis://127.0.0.1:1", "--channel", "chat", "--listen", "nowhere"],
            ["run", "--redis", "redis://127.0.0.1:1", "--channel", "chat", "--redis-ca-file", "/nonexistent/ca"],
            ["run", "--redis", "rediss://127.0.0.1:1", "--channel", "chat", "--redis-key-file", "/nonexistent/key"],
            ["run", "--redis", "redis://:x@127.0.0.1:1", "--channel", "chat", "--redis-password-file", "/nonexistent"],
            ["replay", "/tmp", "--to", "redis://127.0.0.1:1", "--redis-insecure"],
            ["cat"],
            ["cat", "/tmp", "--from", "yesterday"],
            ["cat", "/tmp", "--until", "-soon"],
            ["cat", "/tmp", "--from", "2026-02-30"],
            ["cat", "/tmp", "--from-id", "-1"],
            ["cat", "/tmp", "--from-id", "5", "--until-id", "4"],
            ["cat", "/tmp", "--kind", "hubs"],
            ["cat", "/tmp", "--sample", "0%"],
            ["cat", "/tmp", "--sample", "101"],
            ["cat", "/tmp", "--grep", ""],
            ["tail", "--redis", "redis://127.0.0.1:1"],
            ["tail", "--redis", "redis://127.0.0.1:1", "--channel", "chat", "--channel", "chat"],
            ["tail", "--redis", "redis://127.0.0.1:1", "--channel", "chat", "--limit", "0"],
            ["tail", "--redis", "redis://127.0.0.1:1", "--channel", "chat", "--duration", "soon"],
            ["tail", "--redis", "redis://127.0.0.1:1", "--channel", "chat", "--from", "-15m"],
            ["tail", "--redis", "redis://127.0.0.1:1", "--channel", "chat", "--buffer", "1KiB"],
            ["replay", "/tmp"],
            ["replay", "/tmp", "--to", "redis://127.0.0.1:1", "--speed", "0"],
            ["demo", "--duration", "soon"],
            ["bench", "--size", "100"],
            ["bench", "--seconds", "0"],
            ["bench", "--redis", "ftp://127.0.0.1"],
            ["hub", "--redis", "redis://127.0.0.1:1"],
            ["hub", "--redis", "redis://127.0.0.1:1", "--channel", "chat", "--path", "signalr"],
            ["hub", "--redis", "redis://127.0.0.1:1", "--channel", "chat", "--allow-origin", "chat.example"],
            ["hub", "--redis", "redis://127.0.0.1:1", "--channel", "chat", "--key-file", "/nonexistent/key"],
            ["hub", "--redis", "redis://127.0.0.1:1", "--channel", "chat", "--key-file", "/dev/null"],
            ["check", "--redis", "redis://127.0.0.1:1"],
            ["check", "--redis", "redis://127.0.0.1:1", "--channel", "chat", "--nodes", "0"],
            ["check", "--redis", "redis://127.0.0.1:1", "--channel", "chat", "--transport", "carrierPigeon"],
            ["check", "--redis", "redis://127.0.0.1:1", "--channel", "chat", "--hub-url", "nowhere"],
        ])
    func wrongUsage(arguments: [String]) async throws {
        let run = try await Finished.relay(arguments)
        #expect(run.exit == .code(64))
        #expect(!run.errors.isEmpty)
        #expect(run.output.isEmpty)
    }

    @Test("a missing path: exit 1, named", arguments: ["cat", "info", "verify"])
    func missingCapture(command: String) async throws {
        let run = try await Finished.relay([command, "/nonexistent/capture"])
        #expect(run.exit == .code(1))
        #expect(run.errors.contains("/nonexistent/capture"))
    }

    @Test("the environment sets options, a repeatable one by a list", .needs(.redisServer))
    func environment() async throws {
        try await RedisServer.with { redis in
            try await TemporaryDirectory.with { folder in
                let environment = [
                    "BACKPLANE_RELAY_REDIS": redis.url, "BACKPLANE_RELAY_CHANNEL": "chat,orders",
                    "BACKPLANE_RELAY_RECORD": folder + "/capture",
                ]
                try await RelayProcess.with([], environment: environment) { relay in
                    try await relay.waitForMetrics("both are up") { shown in
                        ["chat", "orders"].allSatisfy { channel in
                            shown["signalr_backplane_up{channel=\"\(channel)\",backplane=\"signalr2\"}"] == 1
                        }
                    }
                    // It may be ready before it has opened its first file.
                    try await eventually("it records") {
                        (try? CaptureFiles.paths(in: folder + "/capture").count) == 1 ? true : nil
                    }
                    #expect(try await relay.stop() == .code(0))
                }
            }
        }
    }

    @Test("the environment sets the options of a group; a file holds the password", .needs(.redisServer))
    func passwordFile() async throws {
        try await RedisServer.with(["--requirepass", Self.secret]) { redis in
            try await TemporaryDirectory.with { folder in
                let file = folder + "/password"
                try (Self.secret + "\n").write(toFile: file, atomically: true, encoding: .utf8)
                let environment = [
                    "BACKPLANE_RELAY_REDIS": redis.url, "BACKPLANE_RELAY_CHANNEL": "chat",
                    "BACKPLANE_RELAY_REDIS_PASSWORD_FILE": file,
                ]
                try await RelayProcess.with([], environment: environment) { relay in
                    let isUp = try await relay.metric("signalr_backplane_up{channel=\"chat\",backplane=\"signalr2\"}")
                    #expect(isUp == 1)
                    #expect(try await relay.stop() == .code(0))
                }
            }
        }
    }

    @Test("a password appears nowhere", .needs(.redisServer), arguments: ["URL", "StackExchange.Redis"])
    func secrets(form: String) async throws {
        try await RedisServer.with(["--requirepass", Self.secret]) { redis in
            try await TemporaryDirectory.with { folder in
                let directory = folder + "/capture"
                let arguments = [
                    "--redis", Self.address(form, port: redis.port, password: Self.secret), "--channel", "chat",
                    "--record", directory, "--compression", "none", "--log-level", "trace",
                ]
                try await RelayProcess.with(arguments) { relay in
                    let commandLine = try Self.contents("/proc/\(relay.child.processIdentifier)/cmdline")
                    #expect(commandLine.contains("--channel"))
                    #expect(!commandLine.contains(Self.secret))
                    #expect(try await HTTPAnswer.get(port: relay.port, "/metrics")?.body.contains(Self.secret) == false)
                    #expect(try await relay.stop() == .code(0))
                    #expect(!(relay.child.errors + relay.child.output).contains(Self.secret))
                }
                for file in try CaptureFiles.paths(in: directory) {
                    #expect(!(try Self.contents(file).contains(Self.secret)))
                }
            }
        }
    }

    @Test(
        "a wrong password: exit 1, and it is not repeated", .needs(.redisServer),
        arguments: ["URL", "StackExchange.Redis"])
    func wrongPassword(form: String) async throws {
        try await RedisServer.with(["--requirepass", "another"]) { redis in
            let address = Self.address(form, port: redis.port, password: Self.secret)
            let run = try await Finished.relay(
                ["run", "--redis", address, "--channel", "chat", "--listen", "127.0.0.1:0"])
            #expect(run.exit == .code(1))
            #expect(run.errors.contains("password"))
            #expect(!run.errors.contains(Self.secret))
        }
    }

    @Test("SIGINT stops like SIGTERM", .needs(.redisServer))
    func interrupt() async throws {
        try await RedisServer.with { redis in
            try await RelayProcess.with(["--redis", redis.url, "--channel", "chat"]) { relay in
                relay.child.signal(SIGINT)
                let exit = try await relay.child.exit()
                #expect(exit == .code(0))
            }
        }
    }

    @Test("a client that never ends its request does not delay a graceful stop", .needs(.redisServer))
    func halfRequest() async throws {
        try await RedisServer.with { redis in
            try await RelayProcess.with(["--redis", redis.url, "--channel", "chat"]) { relay in
                let client = try HalfRequest(port: relay.port)
                let exit = try await relay.stop()
                client.close()
                #expect(exit == .code(0))
            }
        }
    }

    @Test(
        "a second SIGTERM ends the process at once, while the graceful stop is still writing",
        .needs(.redisServer, .gcc))
    func secondSignal() async throws {
        try await RedisServer.with { redis in
            try await TemporaryDirectory.with { folder in
                let writes = try await FailingWrites(in: folder)
                let arguments = ["--redis", redis.url, "--channel", "chat", "--record", folder + "/capture"]
                try await RelayProcess.with(arguments, environment: writes.environment) { relay in
                    try await redis.withClient { client in
                        // A write that never returns: the graceful stop cannot finish.
                        try writes.begin(.stuck)
                        _ = try await NodePublisher(client, channel: "chat").publish(1)
                        relay.child.signal(SIGTERM)
                        try await eventually("the relay disconnects from Redis") {
                            try await client.send(["PUBSUB", "NUMSUB", "chat"]).array?.last?.integer == 0 ? true : nil
                        }
                    }
                    relay.child.signal(SIGTERM)
                    let exit = try await relay.child.exit(within: .seconds(5))
                    #expect(exit == .signal(SIGTERM))
                }
            }
        }
    }

    @Test(
        "the demo passes: clients of two nodes over three transports hear the replay as the chat was heard",
        .needs(.redisServer), arguments: ["max", "1"])
    func demo(speed: String) async throws {
        try await TemporaryDirectory.with { folder in
            let demo = try await Finished.relay([
                "demo", "--duration", "3s", "--record", folder + "/capture", "--speed", speed,
            ])
            #expect(demo.exit == .code(0), "\(demo.output)\(demo.errors)")
            #expect(demo.output.contains("PASS"))
            #expect(demo.output.contains(speed == "1" ? "with a drift of" : "at full speed"))
        }
    }

    // MARK: - Helpers

    private static func address(_ form: String, port: Int, password: String) -> String {
        form == "URL"
            ? "redis://:\(password)@127.0.0.1:\(port)" : "127.0.0.1:\(port),password=\(password),abortConnect=false"
    }

    private static func contents(_ path: String) throws -> String {
        guard let data = FileManager.default.contents(atPath: path) else { throw TestFailure("cannot read \(path)") }
        return String(decoding: data, as: UTF8.self)
    }
}
