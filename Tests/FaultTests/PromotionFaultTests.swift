import Foundation
import Redis
import TestSupport
import Testing

/// The relay is attached to a replica that is promoted under load: everything is recorded or reported.
@Suite("Promotion fault", .serialized, .needs(.redisServer, .redisCLI, .python), .timeLimit(.minutes(3)))
struct PromotionFaultTests {
    enum Way: CaseIterable {
        case subscription
        case tap

        var arguments: [String] { self == .tap ? ["--tap"] : [] }
    }

    /// What the relay does while the sentinel promotes its replica.
    enum Relay: CaseIterable {
        case runs
        /// The nodes publish at the new master before the relay is back.
        case isFrozen
    }

    private static let quick = ["--repl-diskless-sync", "yes", "--repl-diskless-sync-delay", "0"]

    private static func with(
        _ body: (_ master: RedisServer, _ replica: RedisServer, Sentinel) async throws -> Void
    ) async throws {
        // Larger than everything published: how long the link is down depends on the machine.
        let servers = quick + ["--repl-backlog-size", "64mb"]
        try await RedisServer.with(servers) { master in
            try await RedisServer.with(servers + ["--replicaof", master.host, "\(master.port)"]) { replica in
                try await Sentinel.with(watching: master) { sentinel in
                    try await sentinel.waitForReplica()
                    try await body(master, replica, sentinel)
                }
            }
        }
    }

    private static func waitUntilAttached(_ way: Way, _ scene: Scene, _ replica: RedisServer) async throws {
        try await eventually("the relay is at the replica", within: .seconds(40)) { () -> Bool? in
            switch way {
            case .subscription:
                let counted = try await replica.command(["PUBSUB", "NUMSUB", .text(Scene.channel)])
                return counted.array?.last?.integer == 1 ? true : nil
            case .tap:
                let info = try await replica.command(["INFO", "replication"]).text ?? ""
                return info.contains("connected_slaves:1\r\n") ? true : nil
            }
        }
        try await scene.relay().waitForMetrics("the relay reports a replica", within: .seconds(40)) {
            $0["backplane_relay_redis_is_master"] == 0 && (way == .subscription || $0["backplane_relay_tap_up"] == 1)
        }
    }

    /// From now on the nodes' commands wait at the master, and its replica has everything before them: what a master has
    /// not replicated is lost to everyone, and no relay could tell.
    private static func holdWrites(_ master: RedisServer, _ replica: RedisServer) async throws {
        try await master.command(["CLIENT", "PAUSE", "100000", "WRITE"])
        try await replica.waitUntilFollowing(master)
    }

    @Test(
        "a failover by a sentinel under load: every missing envelope is explained, and with the tap none is missing",
        arguments: Way.allCases, Relay.allCases)
    func failover(way: Way, relay state: Relay) async throws {
        try await Self.with { master, replica, sentinel in
            let options = Scene.Options(
                arguments: way.arguments, redisURL: sentinel.url, publisherConfiguration: sentinel.configuration)
            let account = try await Scene.run(master, options) { scene in
                try await Self.waitUntilAttached(way, scene, replica)
                let relay = try scene.relay()
                try await scene.publisher.more(100)
                if state == .isFrozen { relay.child.signal(SIGSTOP) }
                try await Self.holdWrites(master, replica)
                try await sentinel.failOver()
                try await sentinel.waitForMaster(replica)
                // As the sentinel does some seconds later: the nodes look for the new master.
                try await master.command(["CLIENT", "KILL", "TYPE", "normal"])
                try await scene.publisher.more(100)
                relay.child.signal(SIGCONT)
                try await scene.waitUntilRecording()
                let role = try await replica.command(["ROLE"]).array?.first?.text
                #expect(role == "master")
                if way == .tap {
                    #expect(try await relay.metric("backplane_relay_tap_losses_total") == 0)
                }
            }
            let name = "seed \(options.seed): promoted, by \(way), the relay \(state)"
            account.expectBalanced(name)
            #expect(account.beyondKnowledge == 0, "\(name)")
            switch way {
            case .subscription:
                #expect(Set(account.missing.keys).isSubset(of: ["failover", "connection_lost"]), "\(name)")
                if state == .isFrozen { #expect(account.missingTotal > 0, "\(name)") }
            case .tap:
                #expect(account.recorded == account.published && account.reportedMissing == 0, "\(name)")
            }
        }
    }
}
