import NIOConcurrencyHelpers
import Prometheus

/// What ``RedisWatch`` learns. A series exists from its first answer on: a 0 that nobody measured would be a lie.
struct WatchMetrics: Sendable {
    /// Besides to nodes and relays, a payload goes to a replica and, within the command, comes in.
    private static let otherCopies = 2

    private let channels: [ChannelMetrics]
    private let subscribers: Family<Gauge>
    private let issuedID: Family<Gauge>
    private let unseenIDs: Family<Gauge>
    private let silent: Family<Gauge>
    private let egressBytes: Family<Counter>
    private let outputBuffer: Family<Gauge>
    private let outputBufferLimit: Family<Gauge>
    /// By channel index; nil as long as Redis has not told.
    private let lastSubscribers: NIOLockedValueBox<[Int?]>

    init(_ registry: Registry, channels: [ChannelMetrics]) {
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
        unseenIDs = registry.gaugeFamily(
            "signalr_backplane_unseen_ids",
            help:
                "Ids given out and not received here, at the time of asking; more than a moment's traffic is a lag or a loss. Look at gaps_total.",
            labels: ["channel"])
        silent = registry.gaugeFamily(
            "signalr_backplane_silent",
            help:
                "1 while the counter moves and nothing arrives: a dead connection, or messages that go to another server or channel.",
            labels: ["channel"])
        egressBytes = registry.counterFamily(
            "signalr_backplane_egress_bytes_total",
            help:
                "Estimate of what Redis moves for the channel: payload bytes times (subscribers + 2); compare with its network card.",
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
        subscribers.with(channels[channel].channel).set(Double(count))
        lastSubscribers.withLockedValue { $0[channel] = count }
    }

    /// As Redis told last; nil if it has not.
    func subscribers(channel: Int) -> Int? { lastSubscribers.withLockedValue { $0[channel] } }

    /// - Parameter bytes: payload bytes received since the last call.
    func addEgress(ofBytes bytes: Int, to subscribers: Int, channel: Int) {
        egressBytes.with(channels[channel].channel).increment(by: bytes * (subscribers + Self.otherCopies))
    }

    func setIssuedID(_ id: UInt64, channel: Int) {
        let metrics = channels[channel]
        issuedID.with(metrics.channel).set(Double(id))
        let unseen = metrics.envelopes.value > 0 ? Double(id) - metrics.lastID.value : 0
        unseenIDs.with(metrics.channel).set(max(0, unseen))
    }

    func setSilent(_ isSilent: Bool, channel: Int) { silent.with(channels[channel].channel).set(isSilent ? 1 : 0) }

    func envelopes(channel: Int) -> Int { channels[channel].envelopes.value }
    func envelopeBytes(channel: Int) -> Int { channels[channel].envelopeBytes.value }
    func setOutputBuffer(_ bytes: Int) { outputBuffer.with().set(Double(bytes)) }
    func setOutputBufferLimit(_ bytes: Int) { outputBufferLimit.with().set(Double(bytes)) }
}
