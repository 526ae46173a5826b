import NIOConcurrencyHelpers
import Prometheus

/// What ``RedisWatch`` learns. A series exists from its first answer on: a 0 that nobody measured would be a lie.
struct WatchMetrics: Sendable {
    private let channels: [String]
    private let subscribers: Family<Gauge>
    private let issuedID: Family<Gauge>
    private let outputBuffer: Family<Gauge>
    private let outputBufferLimit: Family<Gauge>
    /// By channel index; nil as long as Redis has not told.
    private let lastSubscribers: NIOLockedValueBox<[Int?]>

    init(_ registry: Registry, channels: [String]) {
        self.channels = channels
        lastSubscribers = NIOLockedValueBox(Array(repeating: nil, count: channels.count))
        subscribers = registry.gaugeFamily(
            "signalr_backplane_subscribers",
            help: "Subscribers of the channel, this relay included; fewer than nodes + 1 means that a node is deaf.",
            labels: ["channel"])
        issuedID = registry.gaugeFamily(
            "signalr_backplane_issued_id",
            help:
                "Value of the counter key: the last id given out. If it moves while last_id does not, envelopes do not arrive.",
            labels: ["channel"])
        outputBuffer = registry.gaugeFamily(
            "backplane_relay_redis_output_buffer_bytes",
            help: "What waits in Redis for this relay (CLIENT LIST, omem); near its limit Redis disconnects us.",
            labels: [])
        outputBufferLimit = registry.gaugeFamily(
            "backplane_relay_redis_output_buffer_limit_bytes",
            help: "Hard client-output-buffer-limit for subscribers; 0 is no limit.", labels: [])
    }

    func setSubscribers(_ count: Int, channel: Int) {
        subscribers.with(channels[channel]).set(Double(count))
        lastSubscribers.withLockedValue { $0[channel] = count }
    }

    /// As Redis told last; nil if it has not.
    func subscribers(channel: Int) -> Int? { lastSubscribers.withLockedValue { $0[channel] } }

    func setIssuedID(_ id: UInt64, channel: Int) { issuedID.with(channels[channel]).set(Double(id)) }
    func setOutputBuffer(_ bytes: Int) { outputBuffer.with().set(Double(bytes)) }
    func setOutputBufferLimit(_ bytes: Int) { outputBufferLimit.with().set(Double(bytes)) }
}
