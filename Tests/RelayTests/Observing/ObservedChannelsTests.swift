import Backplane
import Capture
import Redis
import Testing
import Time

@testable import Relay

/// Channels of both wires together, and hubs that appear while the relay runs.
@Suite struct ObservedChannelsTests {
    private static let now: UInt64 = 1_795_400_000_000_000_000
    private static let chat = CoreHub(prefix: "app:", type: "ChatHub")
    private static let news = CoreHub(prefix: "app:", type: "NewsHub")

    private let metrics = RelayMetrics([.core(chat), .signalR2(key: "chat")], records: true)

    private func envelope(_ hub: CoreHub) -> [UInt8] {
        CoreRecord.bytes(
            channel: hub.channel(.all, []),
            payload: CoreInvocation(frames: [
                CoreInvocation.Frame(
                    protocolName: "json", bytes: Array("{\"type\":1,\"target\":\"say\",\"arguments\":[]}\u{1e}".utf8))
            ]).encoded())
    }

    private func observe(_ bytes: [UInt8], _ channel: Int, _ channels: inout ObservedChannels) -> (UInt64?, Bool) {
        bytes.withUnsafeBytes { bytes in
            let seen = channels.observe(bytes, channel: channel, receivedAt: Self.now)
            return (seen.id, channels.finding(seen, channel: channel) == nil)
        }
    }

    private func envelopes(_ channel: String, _ backplane: String) -> Double? {
        metrics.sample(#"signalr_backplane_envelopes_total{channel="\#(channel)",backplane="\#(backplane)"}"#)
    }

    private func isUp(_ channel: String, _ backplane: String) -> Double? {
        metrics.sample(#"signalr_backplane_up{channel="\#(channel)",backplane="\#(backplane)"}"#)
    }

    @Test func theTitleForTheLogIsNeverEmpty() {
        let attached = AttachedChannels([])
        #expect(attached.title == "no hub found yet, new hubs are followed")
        _ = attached.attach([Self.chat])
        #expect(attached.title == "app:ChatHub")
    }

    @Test func eachWireHasItsOwnObserver() {
        var channels = ObservedChannels(metrics.observing)
        #expect(observe(envelope(Self.chat), 0, &channels) == (nil, true))
        #expect(observe(Array("7 blob".utf8), 1, &channels) == (7, true))
        #expect(observe(envelope(Self.chat), 0, &channels) == (nil, true), "without ids nothing can be out of order")
        #expect(observe(Array("9 blob".utf8), 1, &channels) == (9, false))
        channels.publishAll()
        #expect(envelopes("app:ChatHub", "core") == 2)
        #expect(envelopes("chat", "signalr2") == 2)
    }

    @Test func metricsOfIDsExcludeHubs() {
        var channels = ObservedChannels(metrics.observing)
        channels.consume(.subscribed(Subscription(server: nil, endpoint: "127.0.0.1:1")))
        let readings = CounterReadings(counters: [.value(9), .value(9)], isFenced: true, isLast: false)
        let (finding, checkedID) = channels.compare(readings, channel: 0)
        #expect(finding == nil && checkedID == nil)
        #expect(channels.dropped(1...3, channel: 0).isEmpty && channels.counters(0) == 0)
        let (id, passedOver) = channels.passedOver(
            SkippedPayload(channel: 0, bytes: 77, start: Array("9 x".utf8), receivedAt: Self.now, isTooLarge: true))
        #expect(id == nil && passedOver == nil)
        channels.turned(0)
        channels.consume(.gap(channel: 0, ids: 1...2, cause: .connectionLost, isOfThisRun: true))
        channels.consume(.duplicate(channel: 0, id: 2, isOfThisRun: true))
        channels.publishAll()
        #expect(
            metrics.sample(#"signalr_backplane_envelope_bytes_total{channel="app:ChatHub",backplane="core"}"#) == 77)
    }

    /// Whichever thread comes first requests the metrics.
    @Test(arguments: [false, true]) func aHubAppearsWhileTheRelayRuns(metricsFirst: Bool) {
        var channels = ObservedChannels(metrics.observing)
        #expect(isUp("app:NewsHub", "core") == nil)
        if metricsFirst { metrics.observing.attach(.core(Self.news)) }
        channels.consume(.subscribed(Subscription(server: nil, endpoint: "127.0.0.1:1")))
        channels.attach(.core(Self.news))
        channels.attach(.signalR2(key: "orders"))
        #expect(metrics.observing.channels.map(\.channel) == ["app:ChatHub", "chat", "app:NewsHub", "orders"])
        #expect(isUp("app:NewsHub", "core") == 0 && isUp("app:ChatHub", "core") == 1)
        channels.consume(.joined(channel: 2))
        #expect(isUp("app:NewsHub", "core") == 1 && isUp("orders", "signalr2") == 0)
        #expect(observe(envelope(Self.news), 2, &channels) == (nil, true))
        #expect(observe(Array("3 x".utf8), 3, &channels) == (3, true))
        channels.counted()
        var now = Moment(realtime: Self.now, monotonic: 1_000_000_000)
        while let deadline = channels.deadline {
            now = Moment(realtime: Self.now, monotonic: max(now.monotonic, deadline))
            channels.publish(at: now.monotonic)
        }
        #expect(envelopes("app:NewsHub", "core") == 1 && envelopes("orders", "signalr2") == 1)
        channels.consume(.disconnected(.closedByServer))
        #expect(isUp("app:NewsHub", "core") == 0)
        channels.consume(.subscribed(Subscription(server: nil, endpoint: "127.0.0.1:1")))
        #expect(isUp("app:NewsHub", "core") == 1 && isUp("orders", "signalr2") == 1)
    }

    /// Its gauges disappear, also when the relay reconnects meanwhile; its counters stay.
    @Test func aHubIsLeftAndReturns() {
        var channels = ObservedChannels(metrics.observing)
        let connected = RelayEvent.subscribed(Subscription(server: nil, endpoint: "127.0.0.1:1"))
        let gauges = ["up", "active_signals", "last_envelope_timestamp_seconds", "largest_envelope_bytes"]
        func shown() -> [String] {
            let series = metrics.series()
            return gauges.filter {
                series[#"signalr_backplane_\#($0){channel="app:ChatHub",backplane="core"}"#] != nil
            }
        }
        channels.consume(connected)
        _ = observe(envelope(Self.chat), 0, &channels)
        channels.publishAll()
        _ = channels.tick(Moment(realtime: Self.now, monotonic: 2_000_000_000))
        #expect(shown() == gauges)

        channels.consume(.left(channel: 0))
        #expect(shown() == [] && envelopes("app:ChatHub", "core") == 1)
        channels.consume(.disconnected(.closedByServer))
        channels.consume(connected)
        _ = channels.tick(Moment(realtime: Self.now, monotonic: 4_000_000_000))
        #expect(shown() == [] && isUp("chat", "signalr2") == 1)

        channels.consume(.attached(0..<1))
        #expect(isUp("app:ChatHub", "core") == 0)
        channels.consume(.joined(channel: 0))
        _ = observe(envelope(Self.chat), 0, &channels)
        channels.publishAll()
        _ = channels.tick(Moment(realtime: Self.now, monotonic: 6_000_000_000))
        #expect(shown() == gauges && isUp("app:ChatHub", "core") == 1 && envelopes("app:ChatHub", "core") == 2)
    }

    /// An event key and a hub may have the same name.
    @Test func twoWiresUnderOneName() {
        let metrics = RelayMetrics([.signalR2(key: "ChatHub"), .core(CoreHub(type: "ChatHub"))], records: true)
        var channels = ObservedChannels(metrics.observing)
        _ = observe(Array("1 x".utf8), 0, &channels)
        _ = observe(envelope(CoreHub(type: "ChatHub")), 1, &channels)
        _ = observe(envelope(CoreHub(type: "ChatHub")), 1, &channels)
        channels.publishAll()
        #expect(metrics.sample(#"signalr_backplane_envelopes_total{channel="ChatHub",backplane="signalr2"}"#) == 1)
        #expect(metrics.sample(#"signalr_backplane_envelopes_total{channel="ChatHub",backplane="core"}"#) == 2)
    }
}
