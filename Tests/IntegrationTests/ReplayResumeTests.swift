import Foundation
import Redis
import TestSupport
import Testing

/// Replays that are interrupted and continued.
@Suite("Replay, interrupted", .serialized, .needs(.redisServer, .python))
struct ReplayResumeTests {
    private static let channel = SmallCapture.channel
    /// Limit of envelopes in flight, and so of uncertain ones.
    private static let pipeline = 1_024
    /// An interrupted replay must not finish earlier, however slow the test is.
    private static let slowly = ["--rate", "20"]

    @Test(
        "kill -9 at random moments, 20 times: with the checkpoint every envelope is published, in order and once",
        .timeLimit(.minutes(5)))
    func killed() async throws {
        var random = SplitMix64.announced()
        try await withCapture(bursts: 10, envelopes: 400) { directory, payloads in
            var kills = 0
            while kills < 20 {
                try await RedisServer.with { target in
                    let received = try await Self.received(by: target) {
                        try await TemporaryDirectory.with { folder in
                            let command =
                                Self.command(directory, to: target) + [
                                    "--rate", "8000", "--checkpoint", folder + "/checkpoint", "--json",
                                ]
                            for kill in 0..<8 {
                                let replay = try await ChildProcess.start(
                                    RelayProcess.path(), command, folder: folder)
                                // Long enough for the last one to finish.
                                let life = kill == 7 ? 30_000 : Int.random(in: 100...700, using: &random)
                                if let exit = try? await replay.exit(within: .milliseconds(life)) {
                                    // The previous one was killed after its last envelope and before its exit.
                                    if replay.errors.contains("this replay is finished") { return }
                                    #expect(exit == .code(0), "\(replay.errors)")
                                    #expect(replay.output.contains(#""uncertain":[]"#), "\(replay.output)")
                                    return
                                }
                                replay.signal(SIGKILL)
                                _ = try await replay.exit()
                                kills += 1
                            }
                        }
                    }
                    #expect(received.map(\.id) == payloads.indices.map { UInt64($0 + 1) })
                    #expect(Self.blobs(received) == payloads.map { SmallCapture.blob(of: $0) })
                }
            }
            print("killed \(kills) times")
        }
    }

    @Test(
        "kill -9, and the target forgets how far it came: each envelope at least once, those that may be twice are named",
        .timeLimit(.minutes(3)))
    func killedAndForgotten() async throws {
        try await withCapture(bursts: 10, envelopes: 400) { directory, payloads in
            try await RedisServer.with { target in
                let received = try await Self.received(by: target) {
                    try await TemporaryDirectory.with { folder in
                        let checkpoint = folder + "/checkpoint"
                        let command = Self.command(directory, to: target) + ["--checkpoint", checkpoint]
                        let replay = try await ChildProcess.start(
                            RelayProcess.path(), command + Self.slowly, folder: folder)
                        try await eventually("an envelope is confirmed") {
                            let text = (try? String(contentsOfFile: checkpoint, encoding: .utf8)) ?? ""
                            return text.firstMatch(of: #/"confirmed" : [1-9]/#) == nil ? nil : true
                        }
                        replay.signal(SIGKILL)
                        _ = try await replay.exit()
                        let key = try #require(
                            try await target.command(["KEYS", "backplane-relay:replay:*"]).array?.first?.text)
                        try await target.command(["DEL", .text(key)])
                        let rest = try await Finished.relay(command + ["--speed", "max"])
                        #expect(rest.exit == .code(3))
                        let named = try #require(
                            rest.errors.firstMatch(of: #/(\d+) envelopes may have been published/#))
                        #expect((1...Self.pipeline).contains(Int(named.1) ?? 0))
                    }
                }
                let blobs = Self.blobs(received)
                #expect(Set(blobs) == Set(payloads.map { SmallCapture.blob(of: $0) }))
                #expect(blobs.count - payloads.count <= Self.pipeline)
            }
        }
    }

    @Test(
        "Redis restarts in the middle: with --retry it goes on; without, it stops and says where",
        arguments: [true, false])
    func restart(retries: Bool) async throws {
        try await withCapture(bursts: 10, envelopes: 100) { directory, payloads in
            try await RedisServer.with(["--appendonly", "yes", "--appendfsync", "always"]) { target in
                try await TemporaryDirectory.with { folder in
                    let replay = try await ChildProcess.start(
                        RelayProcess.path(),
                        Self.command(directory, to: target) + (retries ? ["--rate", "100", "--retry"] : Self.slowly),
                        folder: folder)
                    try await eventually("a part is published") {
                        let counter = try await target.command(["GET", .text(Self.channel)]).text
                        return counter.flatMap { Int($0) }.map { $0 > 20 } == true ? true : nil
                    }
                    await target.stop()
                    if retries {
                        try await target.start()
                        // It kept everything, but that cannot be known: envelopes in flight are listed.
                        let exit = try await replay.exit()
                        let isNamed = replay.errors.contains("may have been published twice")
                        #expect(exit == .code(isNamed ? 3 : 0), "\(replay.errors)")
                        #expect(replay.errors.contains("trying again"))
                        #expect(try await target.command(["GET", .text(Self.channel)]).text == "\(payloads.count)")
                    } else {
                        #expect(try await replay.exit() == .code(1), "\(replay.errors)\(replay.output)")
                        #expect(replay.errors.contains(#/stopped after \d+ confirmed envelopes, captured id \d+: /#))
                    }
                }
            }
        }
    }

    @Test("Ctrl-C: waits for replies, reports where it stopped, and the same command continues there")
    func stopped() async throws {
        try await withCapture(bursts: 10, envelopes: 100) { directory, payloads in
            try await RedisServer.with { target in
                try await TemporaryDirectory.with { folder in
                    let command = Self.command(directory, to: target) + ["--checkpoint", folder + "/checkpoint"]
                    let replay = try await ChildProcess.start(
                        RelayProcess.path(), command + Self.slowly, folder: folder)
                    try await eventually("a part is published") {
                        try await target.command(["GET", .text(Self.channel)]).text == nil ? nil : true
                    }
                    replay.signal(SIGINT)
                    #expect(try await replay.exit() == .code(3))
                    #expect(replay.output.contains(#/sent +\d+ envelopes?/#))
                    #expect(replay.errors.contains("the same command continues there"))
                    let rest = try await Finished.relay(command + ["--speed", "max"])
                    #expect(rest.exit == .code(0), "\(rest.errors)")
                    #expect(rest.output.contains(#/resumed +after \d+ envelopes?/#))
                    #expect(try await target.command(["GET", .text(Self.channel)]).text == "\(payloads.count)")
                    let again = try await Finished.relay(command)
                    #expect(again.exit == .code(1))
                    #expect(again.errors.contains("finished"))
                    let other = try await Finished.relay(command + ["--limit", "5"])
                    #expect(other.exit == .code(1))
                }
            }
        }
    }

    @Test(
        "a target that refuses: the id reached, the cause and the remedy",
        arguments: [("OOM", "memory"), ("READONLY", "replica"), ("NOPERM", "ACL SETUSER")])
    func refused(kind: String, mentions: String) async throws {
        try await withCapture(bursts: 2, envelopes: 50) { directory, _ in
            try await RedisServer.with { target in
                var url = target.url
                switch kind {
                case "OOM":
                    try await target.command(["SET", "filler", .text(String(repeating: "x", count: 1 << 20))])
                    try await target.command(["CONFIG", "SET", "maxmemory", "1mb"])
                case "READONLY":
                    try await target.command(["REPLICAOF", "127.0.0.1", "1"])
                default:
                    try await target.command([
                        "ACL", "SETUSER", "weak", "on", ">secret", "resetkeys", "allchannels", "+@all",
                    ])
                    url = "redis://weak:secret@127.0.0.1:\(target.port)"
                }
                let replay = try await Finished.relay(["replay", directory, "--to", url, "--speed", "max", "--yes"])
                #expect(replay.exit == .code(1))
                #expect(replay.errors.contains(mentions), "\(replay.errors)")
                #expect(!replay.errors.contains("secret"))
            }
        }
    }

    // MARK: - Helpers

    private static func command(_ directory: String, to target: RedisServer) -> [String] {
        ["replay", directory, "--to", target.url, "--yes"]
    }

    private static func blobs(_ messages: [MCAPMessage]) -> [[UInt8]] {
        messages.map { SmallCapture.blob(of: $0.data) }
    }

    private func withCapture(
        bursts: Int, envelopes: Int, _ body: (_ directory: String, _ payloads: [[UInt8]]) async throws -> Void
    ) async throws {
        try await TemporaryDirectory.with { folder in
            let directory = folder + "/capture"
            let payloads = try await RedisServer.with { source in
                try await SmallCapture.record(from: source, into: directory, bursts: bursts, envelopes: envelopes)
            }
            try await body(directory, payloads)
        }
    }

    /// Envelopes received by a subscriber while `publish` runs: another relay's recording, read by Python.
    private static func received(
        by target: RedisServer, _ publish: () async throws -> Void
    ) async throws -> [MCAPMessage] {
        try await TemporaryDirectory.with { folder in
            let directory = folder + "/received"
            let arguments = ["--redis", target.url, "--channel", channel, "--record", directory]
            try await RelayProcess.with(arguments) { relay in
                try await publish()
                let last = Int(try await target.command(["GET", .text(channel)]).text ?? "") ?? 0
                try await relay.waitForMetric("backplane_relay_recorded_envelopes_total", atLeast: last)
                #expect(try await relay.stop() == .code(0))
            }
            return try await MCAPMessage.read(CaptureFiles.paths(in: directory)).filter { !$0.isEvent }
        }
    }
}
