import Foundation
import TestSupport
import Testing

/// Signals from an operator to a running relay, and their effects.
@Suite("Signals and logs", .needs(.redisServer))
struct SignalTests {
    private static let recorded = "backplane_relay_recorded_envelopes_total"

    @Test("SIGUSR1 logs one line of figures")
    func statistics() async throws {
        try await RedisServer.with { redis in
            try await RelayProcess.with(["--redis", redis.url, "--channel", "chat", "--log-format", "json"]) { relay in
                try await redis.withClient { client in
                    _ = try await NodePublisher(client, channel: "chat").publish(25)
                }
                try await relay.waitForMetric(
                    #"signalr_backplane_envelopes_total{channel="chat",backplane="signalr2"}"#, atLeast: 25)
                relay.child.signal(SIGUSR1)
                let line = try await eventually("the line") {
                    try Self.objects(relay).first { $0["message"] == "statistics" }
                }
                #expect(line["channel.chat"]?.contains("envelopes 25, last id 25, missing 0") == true)
                #expect(line["dropped"] == "0")
                #expect(line["level"] == "notice")
                #expect(try await relay.stop() == .code(0))
                #expect(relay.child.errors.hasSuffix("}\n"), "the last line is complete")
                for line in try Self.objects(relay) { #expect(line["time"]?.hasSuffix("Z") == true) }
            }
        }
    }

    @Test("SIGHUP starts a new segment and reopens the log file")
    func hangup() async throws {
        try await RedisServer.with { redis in
            try await TemporaryDirectory.with { folder in
                let directory = folder + "/capture"
                let arguments = ["--redis", redis.url, "--channel", "chat", "--record", directory]
                try await RelayProcess.with(arguments, logFile: folder + "/relay.log") { relay in
                    try await publish(10, to: redis, seenBy: relay, total: 10)
                    try FileManager.default.moveItem(atPath: folder + "/relay.log", toPath: folder + "/relay.log.1")
                    relay.child.signal(SIGHUP)
                    try await relay.waitForMetric("backplane_relay_segments_total", atLeast: 2)
                    try await publish(10, to: redis, seenBy: relay, total: 20)
                    #expect(try await relay.stop() == .code(0))
                }
                let log = try String(contentsOfFile: folder + "/relay.log", encoding: .utf8)
                #expect(log.contains(" info stopped "))
                let files = try CaptureFiles.paths(in: directory)
                #expect(files.count == 2)
                for (file, ids) in zip(files, [1...10, 11...20]) {
                    let messages = try await MCAPMessage.read([file])
                    #expect(messages.filter { !$0.isEvent }.compactMap(\.id) == ids.map { UInt64($0) })
                }
            }
        }
    }

    @Test("SIGUSR2 writes pending envelopes immediately")
    func flush() async throws {
        try await RedisServer.with { redis in
            try await TemporaryDirectory.with { folder in
                let arguments = [
                    "--redis", redis.url, "--channel", "chat", "--record", folder + "/capture", "--fsync", "never",
                ]
                try await RelayProcess.with(arguments) { relay in
                    try await publish(5, to: redis, seenBy: relay, total: 5)
                    #expect(try await relay.metric("backplane_relay_fsync_seconds_count") == 0)
                    relay.child.signal(SIGUSR2)
                    try await relay.waitForMetric("backplane_relay_fsync_seconds_count", atLeast: 1)
                }
            }
        }
    }

    @Test("systemd is notified of start, watchdog and stop")
    func systemd() async throws {
        try await TemporaryDirectory.with { folder in
            let socket = try NotifySocket(path: folder + "/notify")
            try await RedisServer.with { redis in
                let environment = ["NOTIFY_SOCKET": folder + "/notify", "WATCHDOG_USEC": "1000000"]
                try await RelayProcess.with(["--redis", redis.url, "--channel", "chat"], environment: environment) {
                    relay in
                    try await socket.wait(for: "READY=1")
                    try await socket.wait(for: "WATCHDOG=1\nSTATUS=ready")
                    await redis.stop()
                    try await socket.wait(for: "WATCHDOG=1\nSTATUS=not subscribed to Redis")
                    #expect(try await relay.stop() == .code(0))
                    try await socket.wait(for: "STOPPING=1\nSTATUS=writing received envelopes")
                }
            }
        }
    }

    private static func objects(_ relay: RelayProcess) throws -> [[String: String]] {
        let errors = relay.child.errors
        // A line may be incomplete.
        return try errors[..<(errors.lastIndex(of: "\n") ?? errors.startIndex)].split(separator: "\n").map { line in
            guard let object = try JSONSerialization.jsonObject(with: Data(line.utf8)) as? [String: String] else {
                throw TestFailure("no JSON object of strings: \(line)")
            }
            return object
        }
    }

    private func publish(_ count: Int, to redis: RedisServer, seenBy relay: RelayProcess, total: Int) async throws {
        try await redis.withClient { client in
            _ = try await NodePublisher(client, channel: "chat").publish(count)
        }
        try await relay.waitForMetric(Self.recorded, atLeast: total)
    }
}
