import Prometheus
import Testing

@testable import Relay

struct WatchMetricsTests {
    private let relay = makeMetrics(["chat", "orders"])
    private let watch: WatchMetrics

    init() { watch = WatchMetrics(relay.registry, channels: relay.channels) }

    private func sample(_ name: String, _ channel: String = "chat") -> Double? {
        relay.sample(#"signalr_backplane_\#(name){channel="\#(channel)",backplane="signalr2"}"#)
    }

    @Test func nothingIsShownBeforeTheFirstAnswer() {
        for name in ["subscribers", "issued_id", "unseen_ids", "silent"] { #expect(sample(name) == nil) }
        #expect(relay.sample("backplane_relay_redis_output_buffer_bytes") == nil)
        #expect(relay.sample("backplane_relay_redis_output_buffer_limit_bytes") == nil)
        #expect(watch.subscribers(channel: 0) == nil)
    }

    @Test func withoutRedisOnlyTheSettingStays() {
        for index in 0...1 {
            watch.setSubscribers(3 + index, channel: index)
            watch.setIssuedID(12, channel: index)
            watch.setSilent(true, channel: index)
        }
        watch.setOutputBuffer(4_096)
        watch.setOutputBufferLimit(1 << 25)
        #expect(sample("subscribers", "orders") == 4 && watch.subscribers(channel: 1) == 4)

        watch.forgetAnswers()
        for channel in ["chat", "orders"] {
            for name in ["subscribers", "issued_id", "unseen_ids", "silent"] { #expect(sample(name, channel) == nil) }
        }
        #expect(watch.subscribers(channel: 0) == nil && watch.subscribers(channel: 1) == nil)
        #expect(relay.sample("backplane_relay_redis_output_buffer_bytes") == nil)
        #expect(relay.sample("backplane_relay_redis_output_buffer_limit_bytes") == 33_554_432)

        watch.setSubscribers(2, channel: 0)
        #expect(sample("subscribers") == 2 && sample("subscribers", "orders") == nil)
    }

    @Test func aMissingKeyRemovesOnlyItsOwnSeries() {
        for index in 0...1 {
            watch.setIssuedID(12, channel: index)
            watch.setSilent(false, channel: index)
        }
        watch.forgetCounter(channel: 0)
        for name in ["issued_id", "unseen_ids", "silent"] {
            #expect(sample(name) == nil)
            #expect(sample(name, "orders") != nil)
        }
    }

    @Test func egressCountsEachByteOnceEvenAcrossAnOutage() {
        let bytes = relay.channels[0].envelopeBytes
        bytes.increment(by: 100)
        watch.setSubscribers(3, channel: 0)
        #expect(sample("egress_bytes_total") == 500)
        bytes.increment(by: 10)
        watch.forgetAnswers()
        #expect(sample("egress_bytes_total") == 500)
        bytes.increment(by: 10)
        watch.setSubscribers(2, channel: 0)
        #expect(sample("egress_bytes_total") == 580)
    }
}
