import Backplane
import Capture
import Foundation
import NIOPosix
import Redis
import Synchronization
import TestSupport
import Testing

/// A relay that is subscribed to one node of a cluster.
@Suite("Watching a cluster", .needs(editions: .redis7, .valkey9), .timeLimit(.minutes(3)))
struct ClusterWatchTests {
    private static let hub = TapTraffic.hub
    private static let chat = #"{channel="chat",backplane="signalr2"}"#
    private static let chatHub = #"{channel="ChatHub",backplane="core"}"#
    private static let received = "signalr_backplane_envelopes_total"
    private static let subscribers = "signalr_backplane_subscribers"
    private static let nodesOfCluster = "backplane_relay_cluster_nodes"

    /// Subscribes as a SignalR node of both backplanes at one node of the cluster.
    private static func withNode(_ name: String, at redis: RedisServer, _ body: () async throws -> Void) async throws {
        let node = try await RedisClient.connect(
            to: redis.configuration.watching(), eventLoopGroup: MultiThreadedEventLoopGroup.singleton,
            onMessage: { _ in })
        do {
            try await node.send(["CLIENT", "SETNAME", .text(name)])
            let ack = hub.channel(.ack, Array("\(name)_0123456789abcdef0123456789abcdef".utf8))
            for channel in [Array("chat".utf8), hub.channel(.all, []), hub.channel(.groupCommand, []), ack] {
                try await node.send(["SUBSCRIBE", .bytes(channel)])
            }
            try await body()
            await node.close()
        } catch {
            await node.close()
            throw error
        }
    }

    private static func waitForLog(_ relay: RelayProcess, _ text: String) async throws {
        try await eventually(text, within: .seconds(20)) { relay.child.errors.contains(text) ? true : nil }
    }

    private final class Flag: Sendable { let isSet = Atomic(false) }

    /// Publishes before, during and after `moment`.
    private static func publish(
        at redis: RedisServer, _ traffic: TapTraffic, during moment: () async throws -> Void
    ) async throws -> TapTraffic {
        let isOver = Flag()
        return try await withThrowingTaskGroup(of: TapTraffic.self) { group in
            group.addTask {
                var traffic = traffic
                try await redis.withClient { client in
                    while !isOver.isSet.load(ordering: .relaxed) { try await traffic.publish(1, client) }
                }
                return traffic
            }
            defer { isOver.isSet.store(true, ordering: .relaxed) }
            try await moment()
            isOver.isSet.store(true, ordering: .relaxed)
            return try await group.next() ?? traffic
        }
    }

    @Test(
        "what is published at any node is received; if the subscribed node fails, the relay reports it and moves to another",
        arguments: [RedisEdition.redis7, .valkey9])
    func watches(edition: RedisEdition) async throws {
        try await RedisCluster.with(edition: edition) { cluster in
            let owner = try await cluster.owner(of: "chat")
            let (watched, third) = ((owner + 1) % 3, (owner + 2) % 3)
            let master = cluster.nodes[owner]
            try await TemporaryDirectory.with { folder in
                // One address only: the relay learns the others.
                let arguments = [
                    "--redis", cluster.url(watched), "--channel", "chat", "--core-hub", "ChatHub", "--record", folder,
                ]
                var traffic = TapTraffic()
                try await RelayProcess.with(arguments) { relay in
                    try await Self.withNode("web1", at: master) {
                        try await Self.withNode("web2", at: cluster.nodes[third]) {
                            _ = try await master.withClient { try await traffic.publish(20, $0) }
                            try await traffic.waitUntilReceived(relay)
                            // The counter is read from the node that holds it.
                            try await relay.waitForMetrics("the nodes are counted, wherever they subscribe") {
                                $0[Self.subscribers + Self.chat] == 3 && $0[Self.subscribers + Self.chatHub] == 3
                                    && $0["signalr_backplane_nodes" + Self.chatHub] == 2
                                    && $0["signalr_backplane_issued_id" + Self.chat] == 20
                                    && $0[Self.nodesOfCluster] == 3 && $0["backplane_relay_cluster_state_ok"] == 1
                            }
                        }
                    }
                    traffic = try await Self.publish(at: master, traffic) {
                        try await relay.waitForMetric(Self.received + Self.chat, atLeast: 40)
                        await cluster.nodes[watched].stop()
                        try await relay.waitForMetric("backplane_relay_reconnects_total", atLeast: 1)
                        let before = try await relay.metric(Self.received + Self.chat)
                        try await relay.waitForMetric(Self.received + Self.chat, atLeast: Int(before) + 30)
                    }
                    try await relay.waitForMetrics("the other node tells of three") { $0[Self.nodesOfCluster] == 3 }
                    let exit = try await relay.stop()
                    #expect(exit == .code(3) || exit == .code(0), "\(relay.child.errors)")
                    #expect(relay.child.errors.contains("subscription lost, reconnecting"))
                }
                let recorded = try TapTraffic.Recorded(folder)
                let ids = recorded.keyed.compactMap { payload in
                    payload.withUnsafeBytes { try? EnvelopeID.parse($0).id }
                }
                let gaps = recorded.named("gap").filter { $0.channel == "chat" }
                let missing = gaps.flatMap { gap in Array((gap.from ?? 1)...(gap.to ?? 0)) }
                #expect((ids + missing).sorted() == Array(1...UInt64(traffic.keyed.count)), "\(gaps)")
                #expect(gaps.allSatisfy { $0.cause == "failover" }, "\(gaps)")
                #expect(recorded.named("disconnected").filter { $0.cause != "stopped" }.count == 1)
                let places = recorded.named("subscribed").map(\.redis)
                #expect(places.first == "127.0.0.1:\(cluster.nodes[watched].port)" && places.count == 2, "\(places)")
                #expect(Set(recorded.hubs).isSubset(of: Set(traffic.hubs)))
            }
        }
    }

    /// A master without slots has subscribers like any other node.
    @Test("--check-only shows what is summed, `channels` spans all nodes, and commands that publish refuse a cluster")
    func asked() async throws {
        try await RedisCluster.with(2, slotless: 1) { cluster in
            let owner = try await cluster.owner(of: "chat")
            let other = cluster.nodes[1 - owner]
            try await cluster.nodes[owner].command(["SET", "chat", "7"])
            try await Self.withNode("web1", at: cluster.nodes[2]) {
                try await Self.withNode("web2", at: cluster.nodes[owner]) {
                    let arguments = [
                        "run", "--check-only", "--listen", "127.0.0.1:0", "--redis", other.url, "--channel", "chat",
                        "--core",
                    ]
                    let check = try await Finished.relay(arguments)
                    #expect(check.exit == .code(0), "\(check.output)\(check.errors)")
                    for part in [
                        "redis         127.0.0.1:\(other.port), a PING takes", ", cluster, master, run_id ",
                        "cluster       3 nodes (3 masters), state ok, one subscription",
                        "asked         3 nodes: subscribers, channels and clients are summed",
                        "chat: 2 subscribers (0 relays, 2 others), counter 7 in database 0, SUBSCRIBE permitted",
                        "ChatHub (no channel prefix): 2 nodes (web1, web2; ",
                        "+cluster|info +cluster|shards +cluster|myid",
                        "SignalR 2 does not support Redis Cluster",
                    ] { #expect(check.output.contains(part), "\(part) in:\n\(check.output)") }
                    let refused = try await Finished.relay(arguments + ["--ping", "30s", "--tap"])
                    #expect(refused.exit == .code(1))
                    for part in ["problem       --ping: ", "it runs in cluster mode, where the replication stream"] {
                        #expect(refused.output.contains(part), "\(part) in:\n\(refused.output)")
                    }
                    let list = try await Finished.relay(["channels", "--redis", other.url])
                    #expect(list.output.contains(#/chat +SignalR 2 +2 +7/#), "\(list.output)\(list.errors)")
                    #expect(list.output.contains(#/ChatHub +ASP.NET Core +2/#), "\(list.output)")
                }
            }
            let tapped = try await Finished.relay([
                "run", "--listen", "127.0.0.1:0", "--redis", other.url, "--channel", "chat", "--tap",
            ])
            #expect(tapped.exit == .code(1))
            #expect(tapped.errors.contains("it runs in cluster mode, where the replication stream contains no PUBLISH"))
            try await RelayProcess.with(["--redis", other.url, "--channel", "chat", "--tap=prefer"]) { relay in
                try await relay.waitForMetric(TapTraffic.isUp, atLeast: 1)
                #expect(try await relay.metric(TapTraffic.isCarrying) == 0)
            }
            let hub = try await Finished.relay([
                "hub", "--listen", "127.0.0.1:0", "--redis", other.url, "--channel", "chat",
            ])
            #expect(hub.exit == .code(1) && hub.errors.contains("runs in cluster mode"), "\(hub)")
            let check = try await Finished.relay(["check", "--redis", other.url, "--channel", "check"])
            #expect(check.exit == .code(1) && check.errors.contains("runs in cluster mode"), "\(check)")
        }
    }

    @Test("the relay leaves a node that is cut off for one that reports cluster_state:ok")
    func moves() async throws {
        try await RedisCluster.with(slotless: 1) { cluster in
            let watched = cluster.nodes[3]
            let owner = cluster.nodes[try await cluster.owner(of: "chat")]
            var traffic = TapTraffic()
            try await RelayProcess.with(["--redis", watched.url, "--channel", "chat", "--core-hub", "ChatHub"]) {
                relay in
                try await relay.waitForMetrics("the cluster is known") {
                    $0[Self.nodesOfCluster] == 4 && $0["backplane_relay_cluster_state_ok"] == 1
                        && $0[Self.subscribers + Self.chat] == 1
                }
                // It forgets the others, and ignores what they publish.
                try await watched.command(["CLUSTER", "RESET", "SOFT"])
                try await relay.waitForMetrics("the relay is at another node", within: .seconds(60)) {
                    $0["backplane_relay_reconnects_total"] == 1 && $0["backplane_relay_cluster_state_ok"] == 1
                }
                #expect(relay.child.errors.contains("the cluster node reports cluster_state:fail"))
                _ = try await owner.withClient { try await traffic.publish(20, $0) }
                try await traffic.waitUntilReceived(relay)
            }
        }
    }

    @Test("sums are absent while a node cannot be queried; the relay reports a node that is cut off")
    func cutOff() async throws {
        try await RedisCluster.with { cluster in
            let (watched, others) = (cluster.nodes[0], cluster.nodes.dropFirst())
            try await RelayProcess.with(["--redis", watched.url, "--channel", "chat"]) { relay in
                try await relay.waitForMetrics("the subscribers are counted") { $0[Self.subscribers + Self.chat] == 1 }
                // A frozen node has no new subscribers, but may still have the earlier ones.
                for other in others { other.freeze() }
                defer { for other in others { other.thaw() } }
                try await relay.waitForMetrics("the subscribers are unknown", within: .seconds(40)) {
                    $0[Self.subscribers + Self.chat] == nil
                }
                try await relay.waitForMetrics("the node is cut off", within: .seconds(40)) {
                    $0["backplane_relay_cluster_state_ok"] == 0
                }
                #expect(
                    try await HTTPAnswer.get(port: relay.port, "/-/ready")?.body.contains("cluster_state:fail") == true)
                try await Self.waitForLog(relay, "the cluster node reports cluster_state:fail")
                for other in others { other.thaw() }
                try await relay.waitForMetrics("it is back", within: .seconds(60)) {
                    $0["backplane_relay_cluster_state_ok"] == 1
                }
                try await Self.waitForLog(relay, "the cluster node reports cluster_state:ok again")
            }
        }
    }
}
