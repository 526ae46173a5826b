import Foundation
import Redis
import TestSupport
import Testing

/// Faults of the relay's connection.
@Suite("Connection fault", .serialized, .needs(.redisServer, .python), .timeLimit(.minutes(3)))
struct ConnectionFaultTests {
    @Test("CLIENT KILL")
    func clientKill() async throws {
        try await RedisServer.with { redis in
            let account = try await Scene.run(redis) { scene in
                for kill in 1...5 {
                    try await redis.command(["CLIENT", "KILL", "TYPE", "pubsub"])
                    try await scene.relay().waitForMetric("backplane_relay_reconnects_total", atLeast: kill)
                    try await scene.waitUntilRecording()
                }
                #expect(try await scene.relay().metric("backplane_relay_reconnects_total") == 5)
            }
            account.expectBalanced("CLIENT KILL")
            #expect(account.beyondKnowledge == 0)
            #expect(Set(account.missing.keys) == ["connection_lost"])
        }
    }

    @Test("disconnected and stopped before another id: the counter reveals the loss")
    func stoppedBeforeAnotherID() async throws {
        try await RedisServer.with { redis in
            let account = try await Scene.run(redis, Scene.Options(isDeafAtTheEnd: true)) { _ in }
            account.expectBalanced("stopped before another id")
            #expect(account.beyondKnowledge == 0)
            #expect(account.missing == ["connection_lost": 3])
        }
    }

    @Test("repeatedly disconnected and stopped in full traffic: each gap keeps its causes")
    func cutOffAndStopped() async throws {
        try await RedisServer.with { redis in
            let account = try await Scene.run(redis) { scene in
                for _ in 0..<5 {
                    try scene.relay().child.signal(SIGSTOP)
                    try await redis.command(["CLIENT", "KILL", "TYPE", "pubsub"])
                    try await scene.publisher.more(50)
                    try await scene.stopRelay()
                    try await scene.publisher.more(50)
                    try await scene.startRelay()
                    try await scene.waitUntilRecording()
                }
            }
            account.expectBalanced("cut off and stopped")
            #expect(account.beyondKnowledge == 0)
            #expect(Set(account.missing.keys) == ["connection_lost", "not_recording"])
        }
    }

    @Test("the output buffer limit while the relay is frozen: Redis disconnects it, and the capture has the cause")
    func outputBufferLimit() async throws {
        try await RedisServer.with(["--client-output-buffer-limit", "pubsub 1mb 0 0"]) { redis in
            let account = try await Scene.run(redis) { scene in
                scene.publisher.load = .heavy
                try scene.relay().child.signal(SIGSTOP)
                try await eventually("Redis gives the relay up") {
                    try await redis.withClient { client in
                        let count = try await client.send(["PUBSUB", "NUMSUB", .text(Scene.channel)]).array?.last
                        return count == .integer(0) ? true : nil
                    }
                }
                scene.publisher.load = .usual
                try scene.relay().child.signal(SIGCONT)
                try await scene.waitUntilRecording()
            }
            account.expectBalanced("output buffer limit")
            #expect(account.beyondKnowledge == 0)
            // The server counts such disconnects since Redis 7.2; older ones do not report why they closed.
            let tells = try await redis.command(["INFO", "stats"]).text?.contains("output_buffer_limit_disconnections")
            #expect(Set(account.missing.keys) == [tells == true ? "output_buffer_limit" : "connection_lost"])
        }
    }

    @Test("SIGKILL and SIGTERM of the relay in full traffic, with a restart")
    func relayRestarts() async throws {
        try await RedisServer.with { redis in
            let account = try await Scene.run(redis) { scene in
                for round in 0..<4 {
                    if round.isMultiple(of: 2) { await scene.killRelay() } else { try await scene.stopRelay() }
                    try await scene.publisher.more(100)
                    try await scene.startRelay()
                    try await scene.waitUntilRecording()
                }
            }
            account.expectBalanced("relay restarts")
            #expect(account.beyondKnowledge == 0)
            #expect(Set(account.missing.keys) == ["not_recording"])
        }
    }

    @Test("a pulled cable: no FIN, no RST, every packet lost, and later restored")
    func cutWithoutFIN() async throws {
        try await Network.with { network in
            try await RedisServer.with(in: (network.name, [network.publisherSide, network.relaySide])) { redis in
                let url = "redis://\(network.relaySide):\(redis.port)"
                let account = try await Scene.run(redis, Scene.Options(redisURL: url)) { scene in
                    try await network.cut()
                    try await eventually("the relay closes the connection") {
                        try await scene.relay().readiness() == 503 ? true : nil
                    }
                    try await network.heal()
                    try await scene.waitUntilRecording()
                }
                account.expectBalanced("connection cut without FIN")
                #expect(account.beyondKnowledge == 0)
                #expect(Set(account.missing.keys) == ["connection_lost"])
            }
        }
    }

    /// Each is sent instead of the next reply.
    @Test(
        "bytes on the wire that are not RESP, or an impossible reply",
        arguments: [
            "!!!\r\n", "$-5\r\n", "*-2\r\n", "*9999999999999\r\n", ":12a\r\n", "\u{0}\u{1}\u{2}",
            "-ERR something is wrong\r\n", "*2\r\n$7\r\nmessage\r\n$4\r\nchat\r\n",
            "*3\r\n$7\r\nmessage\r\n$4\r\nchat\r\n:5\r\n", "*3\r\n$7\r\nmessage\r\n$5\r\nother\r\n$3\r\n1 x\r\n",
            "$100\r\nabc", "*3\r\n$7\r\nmes", String(repeating: "*1\r\n", count: 50), "+\r\n",
            "HTTP/1.1 200 OK\r\n\r\n",
        ])
    func malformed(garbage: String) async throws {
        try await RedisServer.with { redis in
            try await WireProxy.with(to: redis) { proxy in
                let url = "redis://127.0.0.1:\(proxy.port)"
                let account = try await Scene.run(redis, Scene.Options(redisURL: url)) { scene in
                    for _ in 0..<2 {
                        try await scene.pauseAtBoundary()
                        proxy.inject(Array(garbage.utf8))
                        scene.publisher.isPaused = false
                        try await scene.publisher.more(100)
                        try await scene.waitUntilRecording()
                    }
                }
                account.expectBalanced("malformed \(garbage.prefix(30).debugDescription)")
                #expect(account.beyondKnowledge == 0)
            }
        }
    }

    /// No Redis sends more than `proto-max-bulk-len`, 512 MB by default.
    @Test("an impossible reply length")
    func absurdLength() async throws {
        try await RedisServer.with { redis in
            try await WireProxy.with(to: redis) { proxy in
                let url = "redis://127.0.0.1:\(proxy.port)"
                let account = try await Scene.run(redis, Scene.Options(redisURL: url)) { scene in
                    try await scene.pauseAtBoundary()
                    proxy.inject(Array("$99999999999\r\nx".utf8))
                    scene.publisher.isPaused = false
                    try await scene.publisher.more(100)
                    try await scene.waitUntilRecording()
                }
                account.expectBalanced("absurd length")
            }
        }
    }
}
