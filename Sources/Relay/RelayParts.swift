import Backplane
import Capture
package import Logging
import NIOCore
import NIOPosix
import Preflight
package import Prometheus
import Redis
import Time

/// The parts of a relay that are read while it runs, each with its metrics; created in one place before it runs.
package struct RelayParts: Sendable {
    /// As given; hubs that were discovered later are only in ``context``.
    package let configuration: RelayConfiguration
    /// For parts with their own metrics.
    package let context: RelayContext
    /// Received envelopes, by channel.
    package let observing: ObservingMetrics
    /// Recorded envelopes; all 0 if nothing is recorded.
    package let recording: RecordingMetrics
    /// Redis' data about channels and subscribers.
    package let watch: WatchMetrics
    let storage: StorageMetrics
    /// nil if nothing is pinged.
    let ping: PingMetrics?
    /// nil if the relay only subscribes.
    let tap: TapMetrics?
    /// nil if no markers are published.
    let markers: MarkerMetrics?
    let intake: Intake

    /// Opens nothing and starts nothing.
    package init(_ configuration: RelayConfiguration, logger: Logger) {
        let registry = Registry()
        var configuration = configuration
        configuration.redis.observer = ConnectionMetrics(registry, logger: logger).observer
        context = RelayContext(
            attached: AttachedChannels(configuration.backplanes), registry: registry,
            status: RelayStatus(records: configuration.recording != nil), logger: logger)
        self.configuration = configuration
        observing = ObservingMetrics(registry, channels: context.attached.all)
        intake = Intake(limit: configuration.bufferBytes, metrics: IntakeMetrics(registry))
        recording = RecordingMetrics(registry, drops: intake.metrics.drops)
        if let directory = configuration.recording?.directory {
            recording.watch(directory, context.status, registry)
        }
        storage = StorageMetrics(registry)
        ping = configuration.pingInterval == nil ? nil : PingMetrics(registry)
        tap = configuration.tap == nil ? nil : TapMetrics(registry)
        markers = configuration.markerInterval == nil ? nil : MarkerMetrics(registry)
        watch = WatchMetrics(registry, channels: observing.channels)
        if configuration.core != nil { Self.countHubs(context) }
        registry.registerProcess(version: configuration.version)
    }

    private static func countHubs(_ context: RelayContext) {
        let hubs = context.registry.gauge(
            "backplane_relay_watched_hubs",
            help:
                "Hubs of ASP.NET Core that are watched now; a discovered hub until it has had no nodes for an hour.")
        context.registry.onScrape { hubs.set(Double(context.attached.watchedHubs.count)) }
    }

    /// Prepares the parts for discovered hubs. Their envelopes may arrive once the worker was notified.
    ///
    /// - Returns: the indexes of new hubs.
    func attach(_ hubs: [CoreHub]) -> Range<Int> {
        let indexes = context.attached.attach(hubs)
        let new = Array(context.attached.all[indexes])
        for channel in new { watch.attach(observing.attach(channel)) }
        return indexes
    }

    /// Prepares the parts for hubs that are no longer watched.
    ///
    /// - Returns: their indexes.
    func leave(_ hubs: [CoreHub]) -> [Int] {
        let indexes = context.attached.leave(hubs)
        for index in indexes { watch.leave(channel: index) }
        return indexes
    }

    /// The same for hubs that are watched again.
    func reattach(_ hubs: [CoreHub]) -> [Int] {
        let indexes = context.attached.reattach(hubs)
        for index in indexes { watch.reattach(channel: index) }
        return indexes
    }

    /// Losses in the intake and the recorder.
    package var drops: DropMetrics { intake.metrics.drops }

    /// The figures since the start that SIGUSR1 logs.
    var statistics: Logger.Metadata {
        var figures: Logger.Metadata = [
            "dropped": "\(drops.total)",
            "intake_bytes": "\(Int(intake.metrics.bytes.value))",
            "reconnects": "\(observing.reconnects.value)",
            "recorded": "\(recording.envelopes.value)",
            "segments": "\(recording.segments.value)",
            "write_errors": "\(recording.writeErrors.value)",
            "written_bytes": "\(recording.writtenBytes.value)",
        ]
        for channel in observing.channels {
            var figure = "envelopes \(channel.envelopes.value)"
            if let ids = channel.signalR2 {
                figure +=
                    ", last id \(Int(ids.lastID.value)), missing \(ids.missingIDs.value), duplicates \(ids.duplicateIDs.value), resets \(ids.counterResets.value)"
            }
            figures["channel.\(channel.channel)"] = "\(figure)"
        }
        return figures
    }

    /// Losses of the run while it should have recorded.
    var losses: RelayLosses {
        var losses = RelayLosses()
        guard configuration.recording != nil else { return losses }
        losses.droppedEnvelopes = drops.total
        losses.missingIDs = recording.account.missingIDs
        losses.goneEnvelopes = recording.account.goneEnvelopes
        losses.lostParts = recording.account.lostParts
        return losses
    }
}

/// The services of a running relay besides the recorder's thread. Created here, active during ``Relay/run()``.
struct RelayServices {
    let subscription: AuditedSubscription
    /// nil if there are no hubs to discover.
    let follower: HubFollower?
    let watch: RedisWatch
    let census: CounterCensus
    /// nil if nothing is pinged.
    let pinger: CorePinger?
    let web: RelayWeb
    /// nil if nothing is recorded.
    let housekeeper: Housekeeper?
    /// nil without a supervisor.
    let supervision: Supervision?

    /// - Parameters:
    ///   - pages: served in addition to metrics and probes.
    ///   - eventLoopGroup: for the subscription alone, so that no scrape delays the socket.
    init(
        _ parts: RelayParts, pages: (any WebRoutes)?, supervisor: (any RelaySupervisor)?,
        eventLoopGroup: any EventLoopGroup
    ) {
        let (configuration, context, intake) = (parts.configuration, parts.context, parts.intake)
        var asking = configuration.redis
        asking.clientName += "-watch"
        let reader = CounterReader(
            redis: asking, channels: context.attached.keys, eventLoopGroup: MultiThreadedEventLoopGroup.singleton)
        subscription = AuditedSubscription(
            redis: configuration.redis, attached: context.attached,
            includesConnections: configuration.core?.includesConnections ?? false, reader: reader, intake: intake,
            eventLoopGroup: eventLoopGroup, looksAtStop: configuration.looksAtStop,
            tap: RelayTap(parts, eventLoopGroup: eventLoopGroup),
            markers: MarkerWatch(parts, eventLoopGroup: MultiThreadedEventLoopGroup.singleton), logger: context.logger)
        follower = Self.follower(parts)
        watch = RedisWatch(
            redis: configuration.redis, metrics: parts.watch, subscription: subscription, context: context)
        census = CounterCensus(
            redis: configuration.redis, channels: context.attached.keys,
            eventLoopGroup: MultiThreadedEventLoopGroup.singleton
        ) { intake.command($0) }
        pinger = CorePinger(
            configuration, parts.ping, context: context, eventLoopGroup: MultiThreadedEventLoopGroup.singleton)
        web = RelayWeb(configuration: configuration.web, context: context, pages: pages) {
            supervisor?.started(port: $0)
        }
        housekeeper = configuration.recording.map { recording in
            Housekeeper(
                RecordDirectory(path: recording.directory, policy: configuration.housekeeping), intake: intake,
                metrics: parts.storage, logger: context.logger)
        }
        supervision = supervisor.flatMap { supervisor in
            supervisor.heartbeatInterval.map { interval in
                Supervision(
                    supervisor: supervisor, interval: interval, context: context, eventLoop: eventLoopGroup.any())
            }
        }
    }

    /// Discovers hubs; nil if there are none to discover.
    static func follower(_ parts: RelayParts) -> HubFollower? {
        var asking = parts.configuration.redis
        asking.clientName += "-watch"
        return HubFollower(
            redis: asking, attachment: parts.configuration.core, limit: parts.configuration.maxChannelScan,
            attached: parts.context.attached, eventLoopGroup: MultiThreadedEventLoopGroup.singleton,
            logger: parts.context.logger)
    }
}

/// Is notified of a relay's state, for a process supervisor such as systemd.
package protocol RelaySupervisor: Sendable {
    /// Interval of ``alive(state:)``; nil for never.
    var heartbeatInterval: Duration? { get }
    /// The relay serves its HTTP surface on this port, and tries to subscribe.
    func started(port: Int)
    /// The recorder thread and the subscription's event loop both respond.
    ///
    /// - Parameter state: a short description of the state.
    func alive(state: String)
}

/// Only reports the port of the HTTP surface.
package struct OnListening: RelaySupervisor {
    private let body: @Sendable (_ port: Int) -> Void

    /// - Parameter body: called once with the port, on an event loop; must not block.
    package init(_ body: @escaping @Sendable (_ port: Int) -> Void) { self.body = body }

    /// Never: nothing watches whether the relay is alive.
    package var heartbeatInterval: Duration? { nil }
    /// Reports the port.
    package func started(port: Int) { body(port) }
    /// Does nothing.
    package func alive(state: String) {}
}

/// Notifies a ``RelaySupervisor`` that the relay is alive, while its threads respond.
struct Supervision: Sendable {
    /// A recorder thread whose loop has not run for this long hangs in a disk operation.
    private static let longestSilence: UInt64 = 20_000_000_000

    let supervisor: any RelaySupervisor
    let interval: Duration
    let context: RelayContext
    let eventLoop: any EventLoop

    /// Runs until the task is cancelled.
    func run() async {
        while !Task.isCancelled {
            // A hanging loop never responds, so no heartbeat is sent.
            try? await eventLoop.submit {}.get()
            let silence = context.status.silence(at: .now())
            if silence < Self.longestSilence {
                supervisor.alive(state: context.status.notReadyReason ?? "ready")
            } else {
                context.logger.error(
                    "the recorder thread hangs; the disk does not answer",
                    metadata: ["seconds": "\(silence / 1_000_000_000)"])
            }
            // On cancellation the loop condition ends it.
            try? await Task.sleep(for: interval)
        }
    }
}

/// What the parts of one relay share.
package struct RelayContext: Sendable {
    /// The channels, of which more may come while the relay runs.
    package let attached: AttachedChannels
    /// Each part registers its metrics here.
    package let registry: Registry
    /// Whether it is subscribed and writing.
    package let status: RelayStatus
    /// For everything that an operator should read.
    package let logger: Logger

    /// Names of the currently attached channels, by channel index of a batch.
    package var channels: [String] { attached.names }

    /// - Parameters:
    ///   - attached: shared by all parts, so that they agree on channel indexes.
    ///   - registry: each part registers its metrics here.
    package init(attached: AttachedChannels, registry: Registry, status: RelayStatus, logger: Logger) {
        self.attached = attached
        self.registry = registry
        self.status = status
        self.logger = logger
    }
}
