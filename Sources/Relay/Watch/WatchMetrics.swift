import NIOConcurrencyHelpers
package import Prometheus

/// What ``RedisWatch`` learns. A series exists from its first answer on, and as long as Redis answers: a 0 that nobody
/// measured would be a lie, and so would the number of before an outage.
package struct WatchMetrics: Sendable {
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
    private let isMaster: Family<Gauge>
    package let subscriberRows: SubscriberMetrics
    /// By channel index; nil as long as Redis has not told.
    private let lastSubscribers: NIOLockedValueBox<[Int?]>
    /// By channel index: the name that was probably meant where nobody else listens.
    private let meant: NIOLockedValueBox<[String?]>
    /// Payload bytes of each channel that egress was counted for.
    private let countedBytes: NIOLockedValueBox<[Int]>

    package init(_ registry: Registry, channels: [ChannelMetrics]) {
        self.channels = channels
        lastSubscribers = NIOLockedValueBox(Array(repeating: nil, count: channels.count))
        meant = NIOLockedValueBox(Array(repeating: nil, count: channels.count))
        countedBytes = NIOLockedValueBox(channels.map(\.envelopeBytes.value))
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
                "Ids given out but not received here, when the counter was read; more than a moment's traffic means lag or loss. See gaps_total.",
            labels: ["channel"])
        silent = registry.gaugeFamily(
            "signalr_backplane_silent",
            help:
                "1 while the counter moves but nothing arrives: a dead connection, or messages that go to another server or channel.",
            labels: ["channel"])
        egressBytes = registry.counterFamily(
            "signalr_backplane_egress_bytes_total",
            help:
                "Estimated bytes that Redis transfers for the channel: payload bytes times (subscribers + 2); compare with its network bandwidth.",
            labels: ["channel"])
        outputBuffer = registry.gaugeFamily(
            "backplane_relay_redis_output_buffer_bytes",
            help:
                "Bytes waiting in Redis for this relay (CLIENT LIST, omem); at the limit Redis disconnects the relay.",
            labels: [])
        subscriberRows = SubscriberMetrics(registry)
        isMaster = registry.gaugeFamily(
            "backplane_relay_redis_is_master",
            help:
                "1 while the server subscribed to is a master, 0 while it is a replica: nodes publish elsewhere.",
            labels: [])
        outputBufferLimit = registry.gaugeFamily(
            "backplane_relay_redis_output_buffer_limit_bytes",
            help:
                "Hard client-output-buffer-limit for subscribers, as last read from Redis; 0 means no limit. Raise it if bursts come near it.",
            labels: [])
    }

    // MARK: - Answers; nil if Redis does not tell

    /// Counts as egress what was received since the last answer.
    func setSubscribers(_ count: Int?, channel index: Int) {
        lastSubscribers.withLockedValue { $0[index] = count }
        let channel = channels[index]
        set(subscribers, channel.channel, count.map { Double($0) })
        guard let count else { return }
        let bytes = channel.envelopeBytes.value
        let fresh = countedBytes.withLockedValue { counted in
            defer { counted[index] = bytes }
            return bytes - counted[index]
        }
        egressBytes.with(channel.channel).increment(by: fresh * (count + Self.otherCopies))
    }

    func setIssuedID(_ id: UInt64, channel: Int) {
        let metrics = channels[channel]
        issuedID.with(metrics.channel).set(Double(id))
        let unseen = metrics.envelopes.value > 0 ? Double(id) - metrics.lastID.value : 0
        unseenIDs.with(metrics.channel).set(max(0, unseen))
    }

    func setSilent(_ isSilent: Bool, channel: Int) { silent.with(channels[channel].channel).set(isSilent ? 1 : 0) }

    func setOutputBuffer(_ bytes: Int?) {
        if let bytes { outputBuffer.with().set(Double(bytes)) } else { outputBuffer.remove() }
    }

    func setOutputBufferLimit(_ bytes: Int?) {
        if let bytes { outputBufferLimit.with().set(Double(bytes)) } else { outputBufferLimit.remove() }
    }

    func setIsMaster(_ master: Bool?) {
        if let master { isMaster.with().set(master ? 1 : 0) } else { isMaster.remove() }
    }

    /// The counter key is not there, is no number, or may not be read.
    func forgetCounter(channel: Int) {
        for family in [issuedID, unseenIDs, silent] { set(family, channels[channel].channel, nil) }
    }

    /// There is nobody to ask. The limit of the output buffer stays: it is a setting, and what has just happened may
    /// be due to it.
    func forgetAnswers() {
        for index in channels.indices {
            setSubscribers(nil, channel: index)
            forgetCounter(channel: index)
        }
        setOutputBuffer(nil)
        setIsMaster(nil)
    }

    private func set(_ family: Family<Gauge>, _ channel: String, _ value: Double?) {
        if let value { family.with(channel).set(value) } else { family.remove(channel) }
    }

    // MARK: - For whoever asks

    /// As Redis told last; nil if it does not tell.
    package func subscribers(channel: Int) -> Int? { lastSubscribers.withLockedValue { $0[channel] } }

    func setMeant(_ names: [String?]) { meant.withLockedValue { $0 = names } }

    /// By channel index: the name that was probably meant where nobody else listens.
    package func meant(channel: Int) -> String? { meant.withLockedValue { $0[channel] } }

    func envelopes(channel: Int) -> Int { channels[channel].envelopes.value }
}
