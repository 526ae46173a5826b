import Redis
import TestSupport
import Testing

/// The subscription survives when its server becomes a replica; this is reported at once.
@Suite("A demoted master", .serialized, .needs(editions: .redis7, .redis6, .valkey9))
struct MasterLossTests {
    private static let isMaster = "backplane_relay_redis_is_master"

    private func replicate(_ server: RedisServer, of master: RedisServer?) async throws {
        try await server.command(
            ["REPLICAOF", .text(master?.host ?? "NO"), .text(master.map { "\($0.port)" } ?? "ONE")])
    }

    @Test("the relay is not ready within 5 s, and ready again after a promotion", arguments: RedisEdition.allCases)
    func demoted(edition: RedisEdition) async throws {
        try await RedisServer.with(edition: edition) { master in
            try await RedisServer.with(edition: edition) { redis in
                try await RelayProcess.with(["--redis", redis.url, "--channel", "chat"]) { relay in
                    try await relay.waitForMetrics("it is detected as a master") { $0[Self.isMaster] == 1 }
                    try await redis.withClient { client in
                        try await client.send(["REPLICAOF", .text(master.host), "\(master.port)"])
                        try await eventually("it is not ready", within: .seconds(5)) {
                            try await relay.readiness() == 503 ? true : nil
                        }
                        let answer = try await HTTPAnswer.get(port: relay.port, "/-/ready")
                        #expect(answer?.body.contains("replica of \(master.host):\(master.port)") == true)
                        #expect(try await relay.metric(Self.isMaster) == 0)
                        // Shown first, then logged.
                        try await eventually("it is logged") {
                            relay.child.errors.contains("Redis was demoted to a replica") ? true : nil
                        }
                        try await client.send(["REPLICAOF", "NO", "ONE"])
                    }
                    try await eventually("it is ready again", within: .seconds(10)) {
                        try await relay.readiness() == 200 ? true : nil
                    }
                    #expect(try await relay.metric(Self.isMaster) == 1)
                    try await eventually("it is logged") {
                        relay.child.errors.contains("Redis is a master again") ? true : nil
                    }
                }
            }
        }
    }

    @Test("if the address also names the new master, and replicas are preferred, the subscription stays")
    func stays() async throws {
        try await RedisServer.with { first in
            try await RedisServer.with(["--repl-diskless-sync-delay", "0"]) { second in
                let address = "\(first.host):\(first.port),\(second.host):\(second.port)"
                try await RelayProcess.with(["--redis", address, "--channel", "chat"]) { relay in
                    try await relay.waitForMetrics("it is detected as a master") { $0[Self.isMaster] == 1 }
                    try await first.command(["REPLICAOF", .text(second.host), "\(second.port)"])
                    try await relay.waitForMetrics("it is watched as a replica") {
                        $0[Self.isMaster] == 0 && $0["backplane_relay_replica_link_up"] == 1
                            && $0["backplane_relay_redis_demoted"] == 0
                    }
                    try await relay.waitUntilReady()
                    #expect(relay.child.errors.contains("the subscription stays"))
                    try await second.command(["PUBLISH", "chat", "1 x"])
                    try await relay.waitForMetric(
                        #"signalr_backplane_envelopes_total{channel="chat",backplane="signalr2"}"#, atLeast: 1)
                }
            }
        }
    }

    @Test("if the address also names the new master, and it is preferred, the subscription moves there")
    func follows() async throws {
        try await RedisServer.with { first in
            try await RedisServer.with { second in
                let address = "\(first.host):\(first.port),\(second.host):\(second.port)"
                try await RelayProcess.with(["--redis", address, "--channel", "chat", "--prefer", "master"]) { relay in
                    try await first.command(["REPLICAOF", .text(second.host), "\(second.port)"])
                    try await eventually("the new master has the subscription") {
                        try await second.command(["PUBSUB", "NUMSUB", "chat"]).array?.last?.integer == 1 ? true : nil
                    }
                    try await relay.waitUntilReady()
                    try await second.command(["PUBLISH", "chat", "1 x"])
                    try await relay.waitForMetric(
                        #"signalr_backplane_envelopes_total{channel="chat",backplane="signalr2"}"#, atLeast: 1)
                }
            }
        }
    }
}
