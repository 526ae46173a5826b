import Capture
import Redis
import TestSupport
import Testing

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// A relay at a replica loses its subscription.
@Suite("Loss at a replica", .needs(.redisServer), .timeLimit(.minutes(2)))
struct ReplicaLossTests {
    private static let channel = #"{channel="chat",backplane="signalr2"}"#
    private static let received = "signalr_backplane_envelopes_total" + channel
    private static let missing = "signalr_backplane_missing_ids_total" + channel
    private static let gaps = "signalr_backplane_gaps_total" + channel

    private static func offset(_ redis: RedisServer) async throws -> Int64 {
        let info = try await redis.command(["INFO", "replication"]).text ?? ""
        return try #require(InfoFields(info)["master_repl_offset"].flatMap { Int64($0) })
    }

    /// Also without a login at the master: the counter is read at the replica.
    @Test("what was published meanwhile is reported as missing before the next envelope", arguments: [true, false])
    func toldAtOnce(mayAskMaster: Bool) async throws {
        try await RedisServer.with(["--repl-diskless-sync-delay", "0"]) { master in
            try await RedisServer.with(["--replicaof", master.host, "\(master.port)"]) { replica in
                for server in mayAskMaster ? [master, replica] : [replica] {
                    try await server.command(["ACL", "SETUSER", "relay", "on", ">secret", "~*", "&*", "+@all"])
                }
                try await replica.waitUntilFollowing(master)
                try await TemporaryDirectory.with { folder in
                    let arguments = ["--channel", "chat", "--record", folder]
                    let environment = ["BACKPLANE_RELAY_REDIS": "redis://relay:secret@\(replica.host):\(replica.port)"]
                    try await RelayProcess.with(arguments, environment: environment) { relay in
                        try await relay.waitForMetrics("whether the master answers is known") {
                            $0["backplane_relay_replica_master_answers"] == (mayAskMaster ? 1 : 0)
                        }
                        try await master.withClient { client in
                            let node = try await NodePublisher(client, channel: "chat")
                            _ = try await node.publish(5)
                            try await relay.waitForMetric(Self.received, atLeast: 5)

                            // The frozen relay cannot subscribe again before all three are published.
                            relay.child.signal(SIGSTOP)
                            try await replica.command(["CLIENT", "KILL", "TYPE", "pubsub"])
                            _ = try await node.publish(3)
                            let end = try await Self.offset(master)
                            try await eventually("the replica has them") {
                                try await Self.offset(replica) >= end ? true : nil
                            }
                            relay.child.signal(SIGCONT)
                            try await relay.waitForMetrics("the loss is reported") {
                                $0[Self.missing] == 3 && $0[Self.gaps] == 1
                            }
                            #expect(try await relay.metric(Self.received) == 5, "nothing was published since")
                            _ = try await node.publish(1)
                            try await relay.waitForMetric(Self.received, atLeast: 6)
                        }
                        #expect(try await relay.metric(Self.missing) == 3)
                        #expect(try await relay.stop() == .code(3), "\(relay.child.errors)")
                    }
                    var gaps: [CaptureEvent] = []
                    try CaptureReader(paths: [folder]).forEach { item in
                        if case .event(let event, _) = item, event.event == "gap" { gaps.append(event) }
                    }
                    #expect(gaps == [.gap(channel: "chat", from: 6, to: 8, cause: .connectionLost)])
                }
            }
        }
    }
}
