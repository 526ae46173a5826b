import Backplane
import NIOConcurrencyHelpers
package import Prometheus

/// Metrics of ``RedisWatch``. A series exists from the first answer on, and only while Redis answers: a 0 that was not
/// measured would be wrong, and so would a value from before an outage.
package struct WatchMetrics: Sendable {
    /// In addition to nodes and relays, a payload goes to a replica and is received once in the command.
    private static let otherCopies = 2

    /// The state of one channel.
    private struct Channel {
        let metrics: ChannelMetrics
        /// nil until Redis has answered.
        var subscribers: Int?
        var dip = SubscriberDip()
        /// A similar channel name, if this one has no other subscribers.
        var meant: String?
        /// Payload bytes already counted as egress.
        var countedBytes: Int
        /// A hub without nodes: Redis is not asked about it, and it has no series.
        var isLeft = false

        init(_ metrics: ChannelMetrics) {
            self.metrics = metrics
            countedBytes = metrics.envelopeBytes.value
        }
    }

    /// By channel index.
    private let attached: NIOLockedValueBox<[Channel]>
    private let subscribers: Family<Gauge>
    private let dips: Family<Counter>
    private let nodes: Family<Gauge>
    private let issuedID: Family<Gauge>
    private let unseenIDs: Family<Gauge>
    private let silent: Family<Gauge>
    private let egressBytes: Family<Counter>
    private let outputBuffer: Family<Gauge>
    private let outputBufferLimit: Family<Gauge>
    private let isMaster: Family<Gauge>
    private let isDemoted: Family<Gauge>
    let replica: ReplicaMetrics
    let cluster: ClusterMetrics
    /// All subscribers of the server, on any channel.
    package let subscriberRows: SubscriberMetrics

    /// Registers the metrics.
    ///
    /// - Parameter channels: those attached from the start, in the order of their indexes.
    package init(_ registry: Registry, channels: [ChannelMetrics]) {
        attached = NIOLockedValueBox(channels.map { Channel($0) })
        subscribers = registry.gaugeFamily(
            "signalr_backplane_subscribers",
            help:
                "Subscribers of the channel, this relay included (also while it reads the replication stream); fewer than nodes + 1 means that a node is deaf. For a hub, the lower number of the two channels that each node subscribes to. At a replica, those of its master and its own; NUMSUB of a replica alone, if the master cannot be asked, does not count the nodes. In a cluster the sum over its nodes; no value while one of them cannot be queried.",
            labels: ChannelMetrics.labels)
        dips = registry.counterFamily(
            "signalr_backplane_subscriber_dips_total",
            help:
                "Number of times that the number of subscribers of the channel fell and rose again within ten minutes: a node was not subscribed for a while, or nodes were replaced. Absences below 5 s are often not noticed; signalr_backplane_subscriber_reconnects_total names the node.",
            labels: ChannelMetrics.labels)
        nodes = registry.gaugeFamily(
            "signalr_backplane_nodes",
            help:
                "Nodes of a hub of ASP.NET Core, by the names of their ack channels; counted every 5 s to 5 min, depending on the load of Redis.",
            labels: ChannelMetrics.labels)
        issuedID = registry.gaugeFamily(
            "signalr_backplane_issued_id",
            help:
                "Value of the counter key: the last id given out. If it moves while last_id does not, envelopes do not arrive.",
            labels: ChannelMetrics.labels)
        unseenIDs = registry.gaugeFamily(
            "signalr_backplane_unseen_ids",
            help:
                "Ids given out but not received here, when the counter was read; more than a moment's traffic means lag or loss. See gaps_total.",
            labels: ChannelMetrics.labels)
        silent = registry.gaugeFamily(
            "signalr_backplane_silent",
            help:
                "1 while the counter moves but nothing arrives: a dead connection, or messages that go to another server or channel.",
            labels: ChannelMetrics.labels)
        egressBytes = registry.counterFamily(
            "signalr_backplane_egress_bytes_total",
            help:
                "Estimated bytes that Redis transfers for the channel: payload bytes times (subscribers + 2); compare with its network bandwidth.",
            labels: ChannelMetrics.labels)
        outputBuffer = registry.gaugeFamily(
            "backplane_relay_redis_output_buffer_bytes",
            help:
                "Bytes waiting in Redis for this relay (CLIENT LIST, omem); at the limit Redis disconnects the relay.",
            labels: [])
        subscriberRows = SubscriberMetrics(registry)
        replica = ReplicaMetrics(registry)
        cluster = ClusterMetrics(registry)
        isMaster = registry.gaugeFamily(
            "backplane_relay_redis_is_master",
            help:
                "1 while the server subscribed to is a master, 0 while it is a replica: nodes publish to its master.",
            labels: [])
        isDemoted = registry.gaugeFamily(
            "backplane_relay_redis_demoted",
            help:
                "1 while the server subscribed to is a replica although it was a master when the relay subscribed, else 0.",
            labels: [])
        outputBufferLimit = registry.gaugeFamily(
            "backplane_relay_redis_output_buffer_limit_bytes",
            help:
                "Hard client-output-buffer-limit for subscribers, as last read from Redis; 0 means no limit. Raise it if bursts come near it.",
            labels: [])
    }

    /// Adds a channel while the relay runs, under the next channel index; does nothing if it is already attached.
    /// Thread-safe.
    package func attach(_ metrics: ChannelMetrics) {
        attached.withLockedValue { attached in
            guard !attached.contains(where: { $0.metrics.source == metrics.source }) else { return }
            attached.append(Channel(metrics))
        }
    }

    /// A hub is no longer watched. Thread-safe, like the next.
    func leave(channel index: Int) {
        attached.withLockedValue { $0[index].isLeft = true }
        forgetAnswers(channel: index)
    }

    /// The hub is watched again.
    func reattach(channel index: Int) { attached.withLockedValue { $0[index].isLeft = false } }

    /// By channel index, the channels attached until now.
    var sources: [BackplaneChannel] { attached.withLockedValue { $0.map(\.metrics.source) } }

    /// Those that are watched now, with their indexes.
    var watched: [(index: Int, channel: BackplaneChannel)] {
        attached.withLockedValue { attached in
            attached.indices.filter { !attached[$0].isLeft }.map { ($0, attached[$0].metrics.source) }
        }
    }

    private func metrics(_ channel: Int) -> ChannelMetrics { attached.withLockedValue { $0[channel].metrics } }

    // MARK: - Answers of Redis; nil if unknown

    /// Counts bytes received since the last answer as egress. Not for a hub of ASP.NET Core, whose groups and users
    /// have their own subscribers.
    ///
    /// - Parameter countsNodes: false for the number of a replica alone, to which nodes do not subscribe.
    func setSubscribers(_ count: Int?, channel index: Int, countsNodes: Bool = true) {
        let (metrics, fresh) = attached.withLockedValue { attached in
            if count == nil || !countsNodes { attached[index].dip = SubscriberDip() }
            attached[index].subscribers = attached[index].isLeft || !countsNodes ? nil : count
            let metrics = attached[index].metrics
            guard count != nil else { return (metrics, 0) }
            let bytes = metrics.envelopeBytes.value
            defer { attached[index].countedBytes = bytes }
            return (metrics, bytes - attached[index].countedBytes)
        }
        set(subscribers, index, count.map { Double($0) })
        guard let count, metrics.dialect == .signalR2 else { return }
        egressBytes.with(metrics.channel, metrics.dialect.label).increment(by: fresh * (count + Self.otherCopies))
    }

    /// - Parameter count: nil if unknown, or if it may lack this relay.
    func lookForDip(_ count: Int?, channel index: Int, at now: UInt64) {
        let (metrics, isBack) = attached.withLockedValue { attached in
            (attached[index].metrics, attached[index].dip.look(attached[index].isLeft ? nil : count, at: now))
        }
        let counter = dips.with(metrics.channel, metrics.dialect.label)
        if isBack { counter.increment() }
    }

    func setNodes(_ count: Int?, channel: Int) { set(nodes, channel, count.map { Double($0) }) }

    func setIssuedID(_ id: UInt64, channel: Int) {
        let metrics = metrics(channel)
        guard let ids = metrics.signalR2 else { return }
        set(issuedID, channel, Double(id))
        let unseen = metrics.envelopes.value > 0 ? Double(id) - ids.lastID.value : 0
        set(unseenIDs, channel, max(0, unseen))
    }

    func setSilent(_ isSilent: Bool, channel: Int) { set(silent, channel, isSilent ? 1 : 0) }

    func setOutputBuffer(_ bytes: Int?) {
        if let bytes { outputBuffer.with().set(Double(bytes)) } else { outputBuffer.remove() }
    }

    func setOutputBufferLimit(_ bytes: Int?) {
        if let bytes { outputBufferLimit.with().set(Double(bytes)) } else { outputBufferLimit.remove() }
    }

    func setIsMaster(_ master: Bool?) {
        if let master { isMaster.with().set(master ? 1 : 0) } else { isMaster.remove() }
    }

    func setIsDemoted(_ demoted: Bool?) {
        if let demoted { isDemoted.with().set(demoted ? 1 : 0) } else { isDemoted.remove() }
    }

    /// The counter key is missing, not a number, or not readable.
    func forgetCounter(channel: Int) {
        for family in [issuedID, unseenIDs, silent] { set(family, channel, nil) }
    }

    /// Redis does not answer. The output buffer limit stays: it is a setting, and may have caused the outage.
    func forgetAnswers() {
        for index in attached.withLockedValue({ $0.indices }) { forgetAnswers(channel: index) }
        setOutputBuffer(nil)
        setIsMaster(nil)
        setIsDemoted(nil)
        cluster.forget()
        replica.forget()
        replica.setMasterAnswers(nil)
    }

    private func forgetAnswers(channel: Int) {
        setSubscribers(nil, channel: channel)
        setNodes(nil, channel: channel)
        forgetCounter(channel: channel)
    }

    private func set(_ family: Family<Gauge>, _ index: Int, _ value: Double?) {
        // Under the lock: an answer about a hub that is being left must not bring its series back.
        attached.withLockedValue { attached in
            let (channel, backplane) = (attached[index].metrics.channel, attached[index].metrics.dialect.label)
            if let value, !attached[index].isLeft {
                family.with(channel, backplane).set(value)
            } else {
                family.remove(channel, backplane)
            }
        }
    }

    // MARK: - For other parts

    /// The latest value; nil if unknown, or for a channel that is being attached.
    package func subscribers(channel: Int) -> Int? {
        attached.withLockedValue { channel < $0.count ? $0[channel].subscribers : nil }
    }

    func setMeant(_ names: [String?]) {
        attached.withLockedValue { attached in
            for (index, name) in names.enumerated() where index < attached.count { attached[index].meant = name }
        }
    }

    /// By channel index: a similar channel name, if this one has no other subscribers.
    package func meant(channel: Int) -> String? {
        attached.withLockedValue { channel < $0.count ? $0[channel].meant : nil }
    }

    func envelopes(channel: Int) -> Int { metrics(channel).envelopes.value }
}
