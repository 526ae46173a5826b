import Backplane
import Capture
import Foundation
import NIOPosix
import Redis
import Synchronization
import TestSupport
import Testing

/// A relay at a replica: it receives everything, its master sends nothing extra, and what only the master knows is queried
/// there.
@Suite("Watching a replica", .serialized, .needs(editions: .redis7, .redis6, .valkey9), .timeLimit(.minutes(3)))
struct ReplicaWatchTests {
    private static let hub = CoreHub(type: "ChatHub")
    private static let linkUp = "backplane_relay_replica_link_up"
    private static let answers = "backplane_relay_replica_master_answers"
    private static let channel = #"{channel="chat",backplane="signalr2"}"#
    private static let hubChannel = #"{channel="ChatHub",backplane="core"}"#
    private static let received = "signalr_backplane_envelopes_total"
    private static let subscribers = "signalr_backplane_subscribers"

    /// A master and a replica that follows it.
    private static func with(
        _ edition: RedisEdition = .redis7,
        _ body: (_ master: RedisServer, _ replica: RedisServer) async throws -> Void
    ) async throws {
        let quick = ["--repl-diskless-sync", "yes", "--repl-diskless-sync-delay", "0"]
        try await RedisServer.with(quick, edition: edition) { master in
            // As two arguments: Redis 6.2 takes one as a name.
            let follow = ["--replicaof", master.host, "\(master.port)"]
            try await RedisServer.with(quick + follow, edition: edition) { replica in
                try await replica.waitUntilFollowing(master)
                try await body(master, replica)
            }
        }
    }

    /// A node of either backplane at the server.
    private static func withNodes(_ redis: RedisServer, _ body: () async throws -> Void) async throws {
        let names = [Array("chat".utf8), hub.channel(.all, []), hub.channel(.groupCommand, [])]
        let ack = hub.channel(.ack, Array("web1_0123456789abcdef0123456789abcdef".utf8))
        let node = try await RedisClient.connect(
            to: redis.configuration, eventLoopGroup: MultiThreadedEventLoopGroup.singleton, onMessage: { _ in })
        do {
            for name in names + [ack] { try await node.send(["SUBSCRIBE", .bytes(name)]) }
            try await body()
            await node.close()
        } catch {
            await node.close()
            throw error
        }
    }

    private static func events(in folder: String) throws -> [CaptureEvent] {
        var events: [CaptureEvent] = []
        try CaptureReader(paths: [folder]).forEach { item in
            if case .event(let event, _) = item { events.append(event) }
        }
        return events
    }

    @Test(
        "it receives everything, PUBLISH and NUMSUB at the master stay as they were, and the master is asked for nodes",
        arguments: RedisEdition.allCases)
    func watches(edition: RedisEdition) async throws {
        guard edition.path != nil else { return }
        try await Self.with(edition) { master, replica in
            try await Self.withNodes(master) {
                let group = RESPArgument.bytes(Self.hub.channel(.all, []))
                func answers() async throws -> [RESPValue] {
                    [
                        try await master.command(["PUBLISH", "chat", "x"]),
                        try await master.command(["PUBLISH", group, "x"]),
                        try await master.command(["PUBSUB", "NUMSUB", "chat", group]),
                        try await master.command(["PUBSUB", "NUMPAT"]),
                    ]
                }
                let before = try await answers()
                try await replica.waitUntilFollowing(master)
                try await TemporaryDirectory.with { folder in
                    let arguments = ["--redis", replica.url, "--channel", "chat", "--core", "--record", folder]
                    try await RelayProcess.with(arguments) { relay in
                        try await relay.waitForMetrics("the master is asked", within: .seconds(40)) {
                            $0["backplane_relay_redis_is_master"] == 0 && $0["backplane_relay_redis_demoted"] == 0
                                && $0[Self.linkUp] == 1 && $0[Self.answers] == 1
                                && $0[Self.subscribers + Self.channel] == 2
                                && $0[Self.subscribers + Self.hubChannel] == 2
                                && $0["signalr_backplane_nodes" + Self.hubChannel] == 1
                                && $0["backplane_relay_replica_lag_bytes"] == 0
                                && $0["backplane_relay_replica_lag_seconds"] == 0
                        }
                        #expect(try await answers() == before)
                        try await master.withClient { client in
                            _ = try await NodePublisher(client, channel: "chat").publish(20)
                        }
                        try await relay.waitForMetrics("all envelopes") {
                            $0[Self.received + Self.channel] == 21 && $0[Self.received + Self.hubChannel] == 1
                        }
                        try await relay.waitForMetrics("the counter", within: .seconds(20)) {
                            $0["signalr_backplane_issued_id" + Self.channel] == 20
                        }
                        #expect(relay.child.errors.contains("replica_of=\(master.host):\(master.port)"))
                        #expect(try await relay.stop() == .code(0), "\(relay.child.errors)")
                    }
                    let subscribed = try Self.events(in: folder).first { $0.event == "subscribed" }
                    #expect(subscribed?.redis == "\(replica.host):\(replica.port)")
                    #expect(subscribed?.replicaOf == "\(master.host):\(master.port)")
                    #expect(subscribed?.masterReplid?.count == 40)
                }
            }
        }
    }

    @Test("a broken link makes the relay not ready; a promotion is reported, and the subscription stays")
    func promoted() async throws {
        try await Self.with { master, replica in
            try await TemporaryDirectory.with { folder in
                try await RelayProcess.with(["--redis", replica.url, "--channel", "chat", "--record", folder]) {
                    relay in
                    try await master.withClient { _ = try await NodePublisher($0, channel: "chat").publish(5) }
                    try await relay.waitForMetric(Self.received + Self.channel, atLeast: 5)
                    await master.stop()
                    try await eventually("it is not ready", within: .seconds(10)) {
                        try await relay.readiness() == 503 ? true : nil
                    }
                    let answer = try await HTTPAnswer.get(port: relay.port, "/-/ready")
                    #expect(
                        answer?.body.contains("the replica has lost its master \(master.host):\(master.port)") == true)
                    try await replica.command(["REPLICAOF", "NO", "ONE"])
                    try await relay.waitForMetrics("it is a master") { $0["backplane_relay_redis_is_master"] == 1 }
                    try await relay.waitUntilReady()
                    try await replica.withClient { _ = try await NodePublisher($0, channel: "chat").publish(5) }
                    try await relay.waitForMetric(Self.received + Self.channel, atLeast: 10)
                    #expect(relay.child.errors.contains("the watched replica was promoted to a master"))
                    #expect(try await relay.metric("backplane_relay_reconnects_total") == 0)
                    #expect(try await relay.stop() == .code(0), "\(relay.child.errors)")
                }
                let events = try Self.events(in: folder).map(\.event)
                #expect(
                    events.filter { ["replica_link_lost", "promoted", "gap", "demoted"].contains($0) }
                        == ["replica_link_lost", "promoted"], "\(events)")
            }
        }
    }

    @Test("a failover by sentinels: the relay follows, and every id is received or reported")
    func failover() async throws {
        try await Self.with { master, replica in
            try await Sentinel.with(watching: master) { sentinel in
                try await sentinel.waitForReplica()
                try await TemporaryDirectory.with { folder in
                    let arguments = ["--redis", sentinel.url, "--channel", "chat", "--record", folder]
                    try await RelayProcess.with(arguments) { relay in
                        #expect(relay.child.errors.contains("replica_of=\(master.host):\(master.port)"))
                        try await master.withClient { _ = try await NodePublisher($0, channel: "chat").publish(5) }
                        try await relay.waitForMetric(Self.received + Self.channel, atLeast: 5)
                        try await sentinel.failOver()
                        // The promotion closes the connections of the replica: it is not asked itself.
                        try await sentinel.waitForMaster(replica)
                        try await relay.waitForMetric("backplane_relay_reconnects_total", atLeast: 1)
                        // Wherever it is subscribed now: everything is received or reported.
                        try await replica.withClient { client in
                            let publisher = try await NodePublisher(client, channel: "chat")
                            try await eventually("envelopes arrive again", within: .seconds(40)) {
                                _ = try await publisher.publish(1)
                                let before = try await relay.metric(Self.received + Self.channel)
                                return before > 5 ? true : nil
                            }
                        }
                        try await relay.waitUntilReady(within: .seconds(40))
                        let issued = try await replica.command(["GET", "chat"]).text.flatMap { Double($0) } ?? 0
                        try await relay.waitForMetrics("the account is even", within: .seconds(40)) {
                            ($0[Self.received + Self.channel] ?? 0)
                                + ($0["signalr_backplane_missing_ids_total" + Self.channel] ?? 0) >= issued
                        }
                        _ = try await relay.stop()
                    }
                    let gaps = try Self.events(in: folder).filter { $0.event == "gap" }.compactMap(\.cause)
                    #expect(Set(gaps).isSubset(of: ["failover", "connection_lost"]), "\(gaps)")
                }
            }
        }
    }

    @Test("the relay leaves a replica without a link for one with a link")
    func moves() async throws {
        try await Self.with { master, replica in
            let follow = ["--replicaof", "\(master.host) \(master.port)"]
            try await RedisServer.with(follow) { other in
                try await other.waitUntilFollowing(master)
                let address = [replica, other, master].map { "\($0.host):\($0.port)" }.joined(separator: ",")
                try await RelayProcess.with(["--redis", address, "--channel", "chat"]) { relay in
                    #expect(try await replica.command(["PUBSUB", "NUMSUB", "chat"]).array?.last?.integer == 1)
                    // It asks a server that does not answer for its stream.
                    try await replica.command(["REPLICAOF", "127.0.0.1", "1"])
                    try await eventually("the other replica has the subscription", within: .seconds(40)) {
                        try await other.command(["PUBSUB", "NUMSUB", "chat"]).array?.last?.integer == 1 ? true : nil
                    }
                    try await relay.waitUntilReady()
                    #expect(relay.child.errors.contains("the subscription moves to another server"))
                    #expect(try await master.command(["PUBSUB", "NUMSUB", "chat"]).array?.last?.integer == 0)
                }
            }
        }
    }

    @Test("a master that refuses the login is reported once, and the relay continues with the replica")
    func masterRefuses() async throws {
        try await Self.with { master, replica in
            try await replica.command(["CONFIG", "SET", "masterauth", "secret"])
            try await master.command(["CONFIG", "SET", "requirepass", "secret"])
            try await RelayProcess.with(["--redis", replica.url, "--channel", "chat"]) { relay in
                try await relay.waitForMetrics("only the replica is asked", within: .seconds(40)) {
                    $0[Self.linkUp] == 1 && $0[Self.answers] == 0 && $0[Self.subscribers + Self.channel] == 1
                        && $0["backplane_relay_replica_lag_bytes"] == nil
                }
                let sentence = "the master of the replica cannot be queried"
                try await eventually("the refusal is reported") { relay.child.errors.contains(sentence) ? true : nil }
                let told = relay.child.errors.components(separatedBy: sentence)
                #expect(told.count == 2 && told[1].contains("NOAUTH"), "\(relay.child.errors)")
                let check = try await Finished.relay([
                    "run", "--check-only", "--redis", replica.url, "--channel", "chat", "--listen", "127.0.0.1:0",
                ])
                #expect(check.exit == .code(0), "\(check.output)")
                #expect(check.output.contains("cannot be queried: Redis at"), "\(check.output)")
                #expect(check.output.contains("chat: subscribers unknown"), "\(check.output)")
            }
        }
    }

    @Test("the rights that the manual names suffice at the master; pings are published there")
    func rights() async throws {
        try await Self.with { master, replica in
            let rules =
                "resetkeys resetchannels %R~chat -@all +role +info +get +select +client|setname +client|list +pubsub|numsub +pubsub|channels"
            let ping = "+subscribe +ping +publish &ChatHub:*"
            for (redis, rights) in [(replica, "allkeys allchannels +@all"), (master, "\(rules) \(ping)")] {
                let words = rights.split(separator: " ").map { RESPArgument.text(String($0)) }
                try await redis.command(["ACL", "SETUSER", "relay", "on", ">secret"] + words)
            }
            let heard = Mutex(0)
            let groups = Self.hub.channel(.groupCommand, [])
            let node = try await RedisClient.connect(
                to: master.configuration, eventLoopGroup: MultiThreadedEventLoopGroup.singleton
            ) { message in
                if message.array?.count == 3, case .bulk(groups)? = message.array?[1] { heard.withLock { $0 += 1 } }
            }
            let names = [
                groups, Self.hub.channel(.all, []), Self.hub.channel(.connection, Array("abc".utf8)),
                Self.hub.channel(.ack, Array("web1_0123456789abcdef0123456789abcdef".utf8)), Array("chat".utf8),
            ]
            for name in names { try await node.send(["SUBSCRIBE", .bytes(name)]) }
            let url = "redis://relay:secret@\(replica.host):\(replica.port)"
            let arguments = ["--channel", "chat", "--core", "--ping", "1s"]
            try await RelayProcess.with(arguments, environment: ["BACKPLANE_RELAY_REDIS": url]) { relay in
                try await relay.waitForMetrics("the master answers", within: .seconds(40)) {
                    $0[Self.answers] == 1 && $0[Self.subscribers + Self.channel] == 2
                        && $0["signalr_backplane_nodes" + Self.hubChannel] == 1
                        && $0["backplane_relay_replica_lag_bytes"] != nil
                }
                try await eventually("a ping arrives at the master", within: .seconds(40)) {
                    heard.withLock { $0 } > 0 ? true : nil
                }
                #expect(!relay.child.errors.contains("NOPERM"), "\(relay.child.errors)")
            }
            await node.close()
        }
    }

    @Test("check-only, channels and tail; replay and forward to the master are refused like the watched server")
    func commands() async throws {
        try await Self.with { master, replica in
            try await Self.withNodes(master) {
                try await master.withClient { _ = try await NodePublisher($0, channel: "chat").publish(3) }
                let check = try await Finished.relay([
                    "run", "--check-only", "--redis", replica.url, "--channel", "chat", "--core", "--listen",
                    "127.0.0.1:0",
                ])
                #expect(check.exit == .code(0), "\(check.output)\(check.errors)")
                for part in [
                    "replica       of \(master.host):\(master.port), link up, ", " behind, heard from its master ",
                    "asked         \(master.host):\(master.port), the master, for subscribers, channels and counters",
                    "chat: 1 subscriber", "counter 3 in database 0", "ChatHub (no channel prefix): 1 node",
                ] { #expect(check.output.contains(part), "\(part) in:\n\(check.output)") }
                let list = try await Finished.relay(["channels", "--redis", replica.url])
                #expect(list.exit == .code(0) && list.output.contains("hub ChatHub of ASP.NET Core"), "\(list.output)")

                let forward = try await Finished.relay([
                    "run", "--redis", replica.url, "--channel", "chat", "--listen", "127.0.0.1:0", "--forward",
                    "redis://localhost:\(master.port)",
                ])
                #expect(forward.exit == .code(1))
                #expect(forward.errors.contains("or the master of the watched replica"), "\(forward.errors)")
                let ownForward = try await Finished.relay([
                    "run", "--redis", master.url, "--channel", "chat", "--listen", "127.0.0.1:0", "--forward",
                    replica.url,
                ])
                #expect(ownForward.errors.contains("is a replica of"), "\(ownForward.errors)")

                try await TemporaryDirectory.with { folder in
                    let arguments = ["--redis", replica.url, "--channel", "chat", "--record", folder]
                    try await RelayProcess.with(arguments) { relay in
                        try await master.withClient { _ = try await NodePublisher($0, channel: "chat").publish(3) }
                        try await relay.waitForMetric(Self.received + Self.channel, atLeast: 3)
                        _ = try await relay.stop()
                    }
                    let replay = try await Finished.relay(["replay", folder, "--to", master.url, "--yes"])
                    #expect(replay.exit == .code(1) && replay.errors.contains("recorded from"), "\(replay.errors)")
                    #expect(try await master.command(["GET", "chat"]).text == "6")
                }
            }
        }
    }

    @Test("a replica that follows the target of --forward from now on: forwarding stops, recording continues")
    func targetBecomesMaster() async throws {
        let forwarded = "backplane_relay_forwarded_envelopes_total" + Self.channel
        try await Self.with { master, replica in
            try await RedisServer.with(["--repl-diskless-sync-delay", "0"]) { target in
                let arguments = ["--redis", replica.url, "--channel", "chat", "--forward", target.url]
                try await RelayProcess.with(arguments) { relay in
                    try await master.withClient { _ = try await NodePublisher($0, channel: "chat").publish(5) }
                    try await relay.waitForMetric(forwarded, atLeast: 5)
                    try await replica.command(["REPLICAOF", .text(target.host), "\(target.port)"])
                    try await relay.waitForMetrics("it follows the target", within: .seconds(40)) {
                        $0[Self.linkUp] == 1 && $0["backplane_relay_replica_resyncs_total"] == 1
                    }
                    try await target.withClient { _ = try await NodePublisher($0, channel: "chat").publish(5) }
                    try await relay.waitForMetrics("all envelopes") { $0[Self.received + Self.channel] == 10 }
                    try await eventually("forwarding has stopped") {
                        relay.child.errors.contains("forwarding has stopped, recording continues") ? true : nil
                    }
                    #expect(try await relay.metric(forwarded) == 5)
                    #expect(try await target.command(["GET", "chat"]).text == "10")
                }
            }
        }
    }

    @Test("a tail at a replica reports a full resync at once")
    func tail() async throws {
        try await Self.with { master, replica in
            let tail = try await ChildProcess.start(
                RelayProcess.path(),
                ["tail", "--redis", replica.url, "--channel", "chat", "--core-hub", Self.hub.type, "--json"],
                folder: replica.folder)
            do {
                try await eventually("the tail is subscribed") { tail.output.contains("replica_of") ? true : nil }
                try await master.withClient { _ = try await NodePublisher($0, channel: "chat").publish(3) }
                try await eventually("three envelopes") { tail.output.contains("\"id\":3") ? true : nil }
                // Its stream is in another history now, and so is its counter.
                try await RedisServer.with(["--repl-diskless-sync-delay", "0"]) { other in
                    try await other.command(["SET", "chat", "9"])
                    try await replica.command(["REPLICAOF", .text(other.host), "\(other.port)"])
                    try await eventually("the loss is told", within: .seconds(40)) {
                        tail.output.contains("\"event\":\"replica_resync\"")
                            && tail.output.contains(
                                #""cause":"replica_resync","channel":"chat","event":"gap","from":4,"to":9"#)
                            && tail.output.contains(#""cause":"replica_resync","channel":"ChatHub","event":"gap""#)
                            ? true : nil
                    }
                }
            } catch {
                await tail.terminate()
                throw TestFailure("\(error)\n\(tail.output)\n\(tail.errors)")
            }
            await tail.terminate()
        }
    }
}
