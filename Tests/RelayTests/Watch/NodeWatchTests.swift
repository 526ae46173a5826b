import Backplane
import Testing

@testable import Relay

/// Nodes of hubs, and hubs that appear while the watch is running.
@Suite struct NodeWatchTests {
    private static let chat = CoreHub(prefix: "app:", type: "Chat.Hubs.ChatHub")
    private static let room = CoreHub(
        prefix: "app:", type: "RoomHub`1[[System.Int32, System.Private.CoreLib, Version=8.0.0.0]]")

    private func channel(_ hub: CoreHub, _ server: String) -> [UInt8] { hub.channel(.ack, Array(server.utf8)) }

    @Test func eachHubHasItsNodes() {
        let channels = [
            channel(Self.chat, "web1_9e72f0b4725d4879a14457e2c4891af6"),
            channel(Self.chat, "web2_9e72f0b4725d4879a14457e2c4891af6"), channel(Self.room, "web1_1"),
            // None of them is a node of either hub.
            channel(CoreHub(prefix: "app:", type: "Other"), "web1_2"), channel(CoreHub(type: "Chat.Hubs.ChatHub"), "x"),
            Self.chat.channel(.group, Array("g:internal:ack:x".utf8)), Self.chat.channel(.all, []),
            Array(":internal:ack:x".utf8), Array("app:Chat.Hubs.ChatHub:internal:ack:".utf8), [],
        ]
        #expect(CoreNodes.count(channels, of: [Self.room, Self.chat]) == [1, 2])
        #expect(CoreNodes.count([], of: [Self.chat]) == [0])
        // Where a relay waits for the acks of its pings.
        let own = Self.chat.channel(.ack, Array(CorePing().server.utf8))
        #expect(CoreNodes.count(channels + [own], of: [Self.room, Self.chat]) == [1, 2])
    }

    @Test func thePatternMatchesOnlyTheNodesOfAPrefix() {
        #expect(String(decoding: CoreNodes.pattern(prefix: "a*:"), as: UTF8.self) == #"a\*:*:internal:ack:*"#)
    }

    private func sample(_ relay: RelayMetrics, _ name: String, _ channel: String, _ backplane: String) -> Double? {
        relay.sample(#"signalr_backplane_\#(name){channel="\#(channel)",backplane="\#(backplane)"}"#)
    }

    @Test func aNewHubHasItsOwnValues() {
        let relay = makeMetrics(["chat"])
        let watch = WatchMetrics(relay.registry, channels: relay.channels)
        #expect(watch.subscribers(channel: 1) == nil, "the hub is still being attached")
        let hub = relay.observing.attach(.core(Self.chat))
        watch.attach(hub)
        watch.attach(hub)
        #expect(watch.sources == [.signalR2(key: "chat"), .core(Self.chat)])
        watch.setSubscribers(2, channel: 0)
        watch.setSubscribers(4, channel: 1)
        watch.setNodes(3, channel: 1)
        watch.setMeant(["orders"])
        #expect(sample(relay, "subscribers", "app:Chat.Hubs.ChatHub", "core") == 4)
        #expect(sample(relay, "nodes", "app:Chat.Hubs.ChatHub", "core") == 3)
        #expect(watch.meant(channel: 0) == "orders" && watch.meant(channel: 1) == nil)
        // Groups and users have their own subscribers: the data that Redis sends for a hub is unknown.
        #expect(relay.series("signalr_backplane_egress_bytes_total").keys.allSatisfy { !$0.contains("core") })
        watch.forgetAnswers()
        #expect(sample(relay, "subscribers", "app:Chat.Hubs.ChatHub", "core") == nil)
        #expect(relay.series("signalr_backplane_nodes").isEmpty)
    }

    @Test func aHubThatIsLeftHasNoValues() {
        let relay = makeMetrics(["chat"])
        let watch = WatchMetrics(relay.registry, channels: relay.channels)
        watch.attach(relay.observing.attach(.core(Self.chat)))
        watch.setSubscribers(4, channel: 1)
        watch.setNodes(3, channel: 1)
        watch.leave(channel: 1)
        // Answers that were on their way.
        watch.setSubscribers(1, channel: 1)
        watch.setNodes(0, channel: 1)
        #expect(relay.series("signalr_backplane_subscribers").isEmpty)
        #expect(relay.series("signalr_backplane_nodes").isEmpty)
        #expect(watch.watched.map { $0.index } == [0] && watch.subscribers(channel: 1) == nil)
        watch.reattach(channel: 1)
        watch.setNodes(2, channel: 1)
        #expect(watch.watched.map { $0.index } == [0, 1])
        #expect(sample(relay, "nodes", "app:Chat.Hubs.ChatHub", "core") == 2)
    }

    /// It has no counter: queries for event keys are not made for hubs.
    @Test func aHubHasNoCounter() {
        let relay = makeMetrics(hubs: [Self.chat])
        let watch = WatchMetrics(relay.registry, channels: relay.channels)
        watch.setIssuedID(7, channel: 0)
        for name in ["issued_id", "unseen_ids", "silent"] {
            #expect(relay.series("signalr_backplane_" + name).isEmpty, "\(name)")
        }
    }
}
