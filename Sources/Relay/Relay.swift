package import Backplane
package import Capture
import Logging
import NIOCore
import NIOPosix
package import Preflight
import Prometheus
package import Redis
import ServiceLifecycle
import Time

/// The sidecar: maintains the subscription, observes and records every envelope, and serves scrapes.
///
/// The path of an envelope:
/// ``RedisSubscriber`` (event loop) -> `Intake` (bounded in bytes) -> `RelayWorker` (separate thread) ->
/// `ChannelObserver`
/// -> metrics, and `Recorder` -> `CaptureWriter` -> segment file; then, per batch, each ``RelayConsumer``.
/// Other events take the same path as a ``RelayEvent``, through `EventFanOut`.
package struct Relay: Service {
    private let parts: RelayParts
    private let consumers: [any RelayConsumer]
    private let pages: (any WebRoutes)?
    private let supervisor: (any RelaySupervisor)?

    /// - Parameters:
    ///   - consumers: receive its events in addition to metrics, recorder and log.
    ///   - pages: served in addition to metrics and probes.
    ///   - supervisor: notified of the relay's state.
    package init(
        _ parts: RelayParts, consumers: [any RelayConsumer] = [], pages: (any WebRoutes)? = nil,
        supervisor: (any RelaySupervisor)? = nil
    ) {
        self.parts = parts
        self.consumers = consumers
        self.pages = pages
        self.supervisor = supervisor
    }

    private var configuration: RelayConfiguration { parts.configuration }
    private var logger: Logger { parts.context.logger }

    // MARK: - While it runs, from any thread

    /// Closes the segment and starts the next; reloads the HTTP token's file.
    package func rotate() {
        parts.intake.command(.rotate)
        guard let token = configuration.web.access.token else { return }
        do {
            try token.reload()
            pages?.tokenChanged()
        } catch {
            logger.error("the HTTP token was not reloaded", metadata: ["cause": "\(error)"])
        }
    }

    /// Writes pending data and forces it to the disk.
    package func flush() { parts.intake.command(.flush) }

    /// Writes one line of figures to the log.
    package func logStatistics() { logger.notice("statistics", metadata: parts.statistics) }

    /// Losses while it should have recorded; valid after ``run()`` has ended. Empty for a relay that only observes.
    package var losses: RelayLosses { parts.losses }

    // MARK: - Running

    /// Runs until graceful shutdown or cancellation; then stops reading, drains received envelopes and closes the
    /// segment. Call once.
    ///
    /// - Throws: ``RelayError`` if the HTTP surface cannot be bound; `CaptureError` if the record directory cannot be
    ///   used; `RedisError` if the first subscription fails for a permanent reason.
    package func run() async throws {
        // First: a second relay there must be refused in any case.
        let claim = try await claimDirectory()
        defer { withExtendedLifetime(claim) {} }
        // Hubs present at the start share the first segment.
        if let hubs = await RelayServices.follower(parts)?.findFirst() { _ = parts.attach(hubs) }
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let services = RelayServices(parts, pages: pages, supervisor: supervisor, eventLoopGroup: group)
        let thread = NIOThreadPool(numberOfThreads: 1)
        thread.start()
        services.housekeeper?.start()
        // While the directory of an earlier run is read, which can take long after a crash, the intake fills.
        let preparation = Task { try await thread.runIfActive { try prepareDirectory() } }
        let housekeeping = Task {
            if (try? await preparation.value) != nil { await services.housekeeper?.run() }
        }
        async let worked = Self.result {
            let previous = try await preparation.value
            // Check for space to record before the first envelope.
            await services.housekeeper?.look()
            try await thread.runIfActive {
                var worker = makeWorker(previous, services)
                worker.run()
            }
        }
        let outcome = await serve(services, preparation)
        parts.intake.close()
        let work = await worked
        for consumer in consumers { await consumer.finish() }
        housekeeping.cancel()
        await services.housekeeper?.finish(housekeeping)
        try await thread.shutdownGracefully()
        try await group.shutdownGracefully()
        logLosses()
        try outcome.get()
        try work.get()
        logger.info("stopped", metadata: ["recorded": "\(parts.recording.envelopes.value)"])
    }

    private func logLosses() {
        let losses = losses
        guard !losses.isEmpty else { return }
        logger.error(
            "envelopes were lost in this run; the capture says which",
            metadata: [
                "dropped": "\(losses.droppedEnvelopes)", "missing_ids": "\(losses.missingIDs)",
                "gone": "\(losses.goneEnvelopes)", "lost_parts_of_the_stream": "\(losses.lostParts)",
            ])
    }

    // MARK: - The recorder's thread

    /// Off the pool of async tasks: it may wait for a relay that is about to end.
    private func claimDirectory() async throws -> DirectoryClaim? {
        guard let directory = configuration.recording?.directory else { return nil }
        let claim = try await NIOThreadPool.singleton.runIfActive { try DirectoryClaim.take(directory) }
        if claim == nil {
            logger.notice(
                "this file system cannot lock a directory; only open segments show whether another relay records there",
                metadata: ["directory": "\(directory)"])
        }
        return claim
    }

    private func prepareDirectory() throws -> CaptureDirectory.Previous? {
        try configuration.recording.map { recording in
            try CaptureDirectory.prepare(recording.directory, at: .now()) { logger.notice("\($0)") }
        }
    }

    /// - Parameter previous: the previous run that recorded into the same directory; nil if nothing is recorded.
    private func makeWorker(_ previous: CaptureDirectory.Previous?, _ services: RelayServices) -> RelayWorker {
        let context = parts.context
        let events = EventFanOut(
            channels: ObservedChannels(parts.observing, previous: previous ?? .init()),
            recorder: makeRecorder(previous, services.housekeeper),
            RelayLog(context, bufferBytes: parts.intake.limit), consumers)
        return RelayWorker(intake: parts.intake, events: events, census: services.census)
    }

    private func makeRecorder(_ previous: CaptureDirectory.Previous?, _ housekeeper: Housekeeper?) -> Recorder? {
        guard let recording = configuration.recording, let previous else { return nil }
        let payload = configuration.payload
        let source = CaptureSource(
            relayVersion: configuration.version, host: configuration.hostName, redis: configuration.redis.endpoint,
            payload: payload.mode, redactedKeys: payload.redactedKeys,
            hashesNames: payload.namesKey != nil)
        let observer = WriterObserver(parts.recording, logger: logger) { housekeeper?.segmentEnded(path: $0) }
        // Hubs may have been found since it was configured.
        let writing = CaptureWriter.Configuration(
            directory: recording.directory, backplanes: parts.context.attached.all, compression: recording.compression,
            rotation: recording.rotation, durability: recording.durability)
        return Recorder(
            writer: CaptureWriter(configuration: writing, source: source, previous: previous, observer: observer),
            metrics: parts.recording, context: parts.context,
            filter: payload.leavesAll ? nil : PayloadFilter(payload))
    }

    // MARK: - Services

    /// Returns when all have ended: on shutdown, or because one of them failed.
    private func serve(
        _ services: RelayServices, _ preparation: Task<CaptureDirectory.Previous?, any Error>
    ) async -> Result<Void, any Error> {
        await withTaskGroup(of: Result<Void, any Error>.self) { group in
            func add(_ body: @escaping @Sendable () async throws -> Void) {
                group.addTask { await Self.result { try await cancelWhenGracefulShutdown { try await body() } } }
            }
            // Ends by itself, after checking whether anything is missing.
            group.addTask { await Self.result { try await services.subscription.run() } }
            add { try await services.web.run() }
            add { [limit = configuration.maxChannelScan] in await services.watch.run(maxChannelScan: limit) }
            add { await services.census.run() }
            if let pinger = services.pinger { add { await pinger.run() } }
            if let follower = services.follower {
                add {
                    await follower.follow { change in
                        switch change {
                        case .found(let hubs):
                            let indexes = parts.attach(hubs)
                            guard !indexes.isEmpty else { return }
                            parts.intake.command(.attach(indexes))
                            await services.subscription.join(indexes)
                        case .returned(let hubs): await services.subscription.rejoin(parts.reattach(hubs))
                        case .gone(let hubs): await services.subscription.leave(parts.leave(hubs))
                        }
                    }
                }
            }
            for consumer in consumers { add { try await consumer.run() } }
            group.addTask {
                let prepared = await Self.result { _ = try await preparation.value }
                // Only a failure ends the relay.
                if case .success = prepared { try? await gracefulShutdown() }
                return prepared
            }
            if let supervision = services.supervision {
                group.addTask { await Self.result { await supervision.run() } }
            }
            var outcome: Result<Void, any Error> = .success(())
            for await result in group {
                if case .success = outcome { outcome = result }
                // Whichever ends first cancels the others; a cancelled one ends without an error of its own.
                group.cancelAll()
            }
            return outcome
        }
    }

    private static func result(_ body: () async throws -> Void) async -> Result<Void, any Error> {
        do {
            try await body()
            return .success(())
        } catch is CancellationError {
            return .success(())
        } catch {
            return .failure(error)
        }
    }
}

/// The configuration of one relay.
package struct RelayConfiguration: Sendable {
    /// The Redis to attach to.
    package var redis: RedisConfiguration
    /// The initially watched channels: at least one, unless hubs are discovered.
    package var backplanes: [BackplaneChannel]
    /// nil if nothing of ASP.NET Core is watched.
    package var core: CoreAttachment?
    /// Where and how to record; nil to observe only.
    package var recording: CaptureWriter.Configuration?
    /// Which parts of payloads to record.
    package var payload: PayloadPolicy
    /// How to treat closed segments, and when to pause recording.
    package var housekeeping: HousekeepingPolicy
    /// Memory for envelopes waiting for the recorder, in bytes.
    package var bufferBytes: Int
    /// Where `/metrics`, the probes and the live page are served, and to whom.
    package var web: WebConfiguration
    /// Maximum number of channels for which Redis is asked for names, if a channel has no other subscribers.
    package var maxChannelScan: Int
    /// How often to ping nodes of the hubs of ASP.NET Core, which publishes; nil for never.
    package var pingInterval: Duration?
    /// Whether to read the replication stream instead of subscribing; nil to subscribe.
    package var tap: TapPolicy?
    /// Interval of the markers, which count what the server publishes; nil for none. Not with a tap.
    package var markerInterval: Duration?
    /// Whether to compare the counters with the received ids when stopping too, which may take seconds.
    package var looksAtStop = true
    /// The relay's version, for metrics, captures and the live page.
    package var version: String
    /// Name of this machine, for the capture.
    package var hostName: String

    /// - Precondition: there is a channel in `backplanes`, or hubs are discovered; `bufferBytes` is above 0.
    package init(
        redis: RedisConfiguration, backplanes: [BackplaneChannel], core: CoreAttachment? = nil,
        recording: CaptureWriter.Configuration? = nil,
        payload: PayloadPolicy = PayloadPolicy(), housekeeping: HousekeepingPolicy = HousekeepingPolicy(),
        bufferBytes: Int = 64 << 20, web: WebConfiguration = WebConfiguration(),
        maxChannelScan: Int = ChannelScanPolicy.defaultLimit, version: String, hostName: String
    ) {
        precondition((!backplanes.isEmpty || core?.findsHubs == true) && bufferBytes > 0)
        self.redis = redis
        self.backplanes = backplanes
        self.core = core
        self.recording = recording
        self.payload = payload
        self.housekeeping = housekeeping
        self.bufferBytes = bufferBytes
        self.web = web
        self.maxChannelScan = maxChannelScan
        self.version = version
        self.hostName = hostName
    }
}
