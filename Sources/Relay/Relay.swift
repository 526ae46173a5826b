import Capture
package import Logging
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import Prometheus
import Redis
import ServiceLifecycle
import Backplane
import Time

/// The sidecar: holds the subscription, observes and records every envelope, and answers scrapes.
///
/// The way of an envelope:
/// ``RedisSubscriber`` (event loop) -> `Intake` (bounded in bytes) -> `RelayWorker` (own thread) -> `ChannelObserver`
/// -> metrics, and `Recorder` -> `CaptureWriter` -> segment file; then each ``EnvelopeConsumer``, the live page's the last.
package struct Relay: Service {
    private let configuration: RelayConfiguration
    private let logger: Logger
    private let supervisor: (any RelaySupervisor)?
    private let onListening: @Sendable (_ port: Int) -> Void
    private let onSnapshot: (@Sendable (RelaySnapshot) -> Void)?
    private let controls = RelayControls()
    private let ended = NIOLockedValueBox(RelayLosses())

    /// - Parameters:
    ///   - supervisor: is told of the relay's life.
    ///   - onListening: called once the HTTP surface is bound, with its port.
    ///   - onSnapshot: called once a second; must not wait.
    package init(
        configuration: RelayConfiguration, logger: Logger, supervisor: (any RelaySupervisor)? = nil,
        onListening: @escaping @Sendable (_ port: Int) -> Void = { _ in },
        onSnapshot: (@Sendable (RelaySnapshot) -> Void)? = nil
    ) {
        self.configuration = configuration
        self.logger = logger
        self.supervisor = supervisor
        self.onListening = onListening
        self.onSnapshot = onSnapshot
    }

    // MARK: - While it runs, from any thread

    /// Closes the segment and begins the next; reads the HTTP token's file again.
    package func rotate() { controls.send(.rotate) }

    /// Writes what waits, and forces it to the disk.
    package func flush() { controls.send(.flush) }

    /// Writes one line of figures to the log.
    package func logStatistics() { controls.send(.logStatistics) }

    /// What was lost while it should have been recorded; after ``run()`` has ended. Empty for a relay that only observes.
    package var losses: RelayLosses { ended.withLockedValue { $0 } }

    // MARK: - Running

    /// Runs until graceful shutdown or cancellation; then stops reading, drains what was received, closes the segment.
    ///
    /// - Throws: ``RelayError`` if the HTTP surface cannot be bound; `CaptureError` if the record directory cannot be used;
    ///   `RedisError` if the first subscription fails
    ///   for a reason that time does not heal.
    package func run() async throws {
        // Before anything else: a second relay there would be refused whatever comes next.
        let claim = try await Self.claim(configuration.recording?.directory, logger: logger)
        defer { withExtendedLifetime(claim) {} }
        let metrics = RelayMetrics(
            channels: configuration.channels, version: configuration.version,
            recordDirectory: configuration.recording?.directory)
        let status = RelayStatus(records: configuration.recording != nil)
        if configuration.recording != nil { metrics.tellRecording(status) }
        let account = RunAccount()
        let intake = Intake(limit: configuration.bufferBytes, metrics: metrics)
        let context = EnvelopeConsumerContext(
            registry: metrics.registry, channels: configuration.channels, logger: logger)
        let watched = WatchMetrics(metrics.registry, channels: metrics.channels)
        let feed = LiveFeed(
            configuration: LiveFeed.Configuration(
                version: configuration.version, showsValues: configuration.showsPayloads, links: configuration.links,
                hasToken: configuration.access.token != nil, onSnapshot: onSnapshot),
            metrics: metrics, status: status, watch: watched, recordDirectory: configuration.recording?.directory)
        let census = CounterCensus(
            redis: configuration.redis, channels: configuration.channels,
            eventLoopGroup: MultiThreadedEventLoopGroup.singleton
        ) { intake.command($0) }
        let branches = configuration.branches.map { $0(context) } + [feed]

        let housekeeper = configuration.recording.map { recording in
            Housekeeper(
                directory: recording.directory, policy: configuration.housekeeping, intake: intake,
                metrics: metrics.storage, logger: logger)
        }
        let thread = NIOThreadPool(numberOfThreads: 1)
        thread.start()
        // The subscription has an event loop of its own: no scrape ever delays the socket.
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        // While the directory of an earlier run is looked at, which can take long after a crash, the intake fills.
        let preparation = Task { try await thread.runIfActive { try prepareDirectory() } }
        let housekeeping = Task {
            if (try? await preparation.value) != nil { await housekeeper?.run() }
        }
        async let worked = Self.result {
            let previous = try await preparation.value
            // Whether there is space to record, before the first envelope.
            await housekeeper?.look()
            try await thread.runIfActive {
                var worker = makeWorker(
                    previous: previous, intake: intake, branches: branches, journal: feed.journal, census: census,
                    metrics: metrics, status: status, account: account, housekeeper: housekeeper)
                worker.run()
            }
        }
        controls.connect { request in answer(request, intake: intake, metrics: metrics, feed: feed) }
        let outcome = await subscribeAndServe(
            preparation, intake: intake, branches: branches, feed: feed, census: census, metrics: metrics,
            watched: watched,
            status: status, group: group)
        controls.disconnect()
        intake.close()
        let work = await worked
        for branch in branches { await branch.finish() }
        housekeeping.cancel()
        await housekeeper?.finish(housekeeping)
        try await thread.shutdownGracefully()
        try await group.shutdownGracefully()
        tellLosses(account, metrics)
        try outcome.get()
        try work.get()
        logger.info("stopped", metadata: ["recorded": "\(metrics.recordedEnvelopes.value)"])
    }

    private func tellLosses(_ account: RunAccount, _ metrics: RelayMetrics) {
        guard configuration.recording != nil else { return }
        var losses = RelayLosses()
        losses.droppedEnvelopes = metrics.droppedTotal
        losses.missingIDs = account.missingIDs
        losses.goneEnvelopes = account.goneEnvelopes
        ended.withLockedValue { [losses] in $0 = losses }
        guard !losses.isEmpty else { return }
        logger.error(
            "envelopes were lost in this run; the capture says which",
            metadata: [
                "dropped": "\(losses.droppedEnvelopes)", "missing_ids": "\(losses.missingIDs)",
                "gone": "\(losses.goneEnvelopes)",
            ])
    }

    /// Off the pool of async tasks: it may wait for a relay that is about to end.
    private static func claim(_ directory: String?, logger: Logger) async throws -> DirectoryClaim? {
        guard let directory else { return nil }
        let claim = try await NIOThreadPool.singleton.runIfActive { try DirectoryClaim.take(directory) }
        if claim == nil {
            logger.notice(
                "this file system knows no lock on a directory; open segments alone tell whether another relay records there",
                metadata: ["directory": "\(directory)"])
        }
        return claim
    }

    private func prepareDirectory() throws -> CaptureDirectory.Previous? {
        try configuration.recording.map { recording in
            try CaptureDirectory.prepare(recording.directory, at: .now()) { logger.notice("\($0)") }
        }
    }

    private func makeWorker(
        previous: CaptureDirectory.Previous?, intake: Intake, branches: [any EnvelopeConsumer], journal: LiveJournal,
        census: CounterCensus, metrics: RelayMetrics, status: RelayStatus, account: RunAccount,
        housekeeper: Housekeeper?
    ) -> RelayWorker {
        var recorder: Recorder?
        if let recording = configuration.recording, let previous {
            let source = CaptureSource(
                relayVersion: configuration.version, host: configuration.hostName,
                redis: configuration.redis.endpoint, payload: configuration.payload.mode,
                redactedKeys: configuration.payload.redactedKeys, hashesNames: configuration.payload.namesKey != nil)
            let observer = RecorderMetrics(metrics, account: account, logger: logger) {
                housekeeper?.segmentEnded(path: $0)
            }
            recorder = Recorder(
                writer: CaptureWriter(
                    configuration: recording, source: source, previous: previous, observer: observer),
                channels: configuration.channels, metrics: metrics, status: status, journal: journal, logger: logger)
        }
        return RelayWorker(
            channels: configuration.channels, previous: previous ?? .init(), intake: intake, recorder: recorder,
            filter: configuration.payload.leavesAll ? nil : PayloadFilter(configuration.payload),
            branches: branches, journal: journal, census: census, metrics: metrics, status: status, account: account,
            logger: logger)
    }

    /// Returns when all have ended: on shutdown, or because one of them failed.
    private func subscribeAndServe(
        _ preparation: Task<CaptureDirectory.Previous?, any Error>,
        intake: Intake, branches: [any EnvelopeConsumer], feed: LiveFeed, census: CounterCensus,
        metrics: RelayMetrics, watched: WatchMetrics, status: RelayStatus,
        group eventLoopGroup: MultiThreadedEventLoopGroup
    ) async -> Result<Void, any Error> {
        var asking = configuration.redis
        asking.clientName += "-watch"
        let subscription = AuditedSubscription(
            redis: configuration.redis, channels: configuration.channels,
            reader: CounterReader(
                redis: asking, channels: configuration.channels,
                eventLoopGroup: MultiThreadedEventLoopGroup.singleton),
            intake: intake, eventLoopGroup: eventLoopGroup, logger: logger)
        let web = RelayWeb(
            configuration: configuration, metrics: metrics, status: status, feed: feed,
            sessions: configuration.access.token.map { WebSessions(token: $0) }, logger: logger
        ) { [supervisor, onListening] port in
            onListening(port)
            supervisor?.started()
        }
        return await withTaskGroup(of: Result<Void, any Error>.self) { group in
            // Ends by itself, when it has looked whether anything is missing.
            group.addTask { await Self.result { try await subscription.run() } }
            group.addTask { await Self.result { try await cancelWhenGracefulShutdown { try await web.run() } } }
            group.addTask {
                await Self.result {
                    await cancelWhenGracefulShutdown {
                        await watch(watched, status) {
                            intake.command(.note($0))
                        } follow: {
                            subscription.leaveForMaster()
                        }
                    }
                }
            }
            group.addTask { await Self.result { await cancelWhenGracefulShutdown { await census.run() } } }
            for branch in branches {
                group.addTask { await Self.result { try await cancelWhenGracefulShutdown { try await branch.run() } } }
            }
            group.addTask {
                let prepared = await Self.result { _ = try await preparation.value }
                // Only a failure is an end.
                if case .success = prepared { try? await gracefulShutdown() }
                return prepared
            }
            if let supervisor {
                let supervision = Supervision(
                    supervisor: supervisor, status: status, eventLoop: eventLoopGroup.any(), logger: logger)
                group.addTask { await Self.result { await supervision.run() } }
            }
            var outcome: Result<Void, any Error> = .success(())
            for await result in group {
                if case .success = outcome { outcome = result }
                // Whichever ends first takes the others along; a cancelled one ends without an error of its own.
                group.cancelAll()
            }
            return outcome
        }
    }

    private func watch(
        _ metrics: WatchMetrics, _ status: RelayStatus, note: @escaping @Sendable (CaptureEvent) -> Void,
        follow: @escaping @Sendable () -> Void
    ) async {
        var redis = configuration.redis
        redis.clientName += "-watch"
        await RedisWatch(
            redis: redis, channels: configuration.channels, maxChannelScan: configuration.maxChannelScan,
            status: status,
            metrics: metrics, eventLoopGroup: MultiThreadedEventLoopGroup.singleton, logger: logger, note: note,
            follow: follow
        ).run()
    }

    private func answer(_ request: RelayControls.Request, intake: Intake, metrics: RelayMetrics, feed: LiveFeed) {
        switch request {
        case .rotate:
            intake.command(.rotate)
            do {
                try configuration.access.token?.reload()
                // Who looks must show the token that is now in force.
                if configuration.access.token != nil { feed.pages.closeAll() }
            } catch {
                logger.error("the HTTP token stays as it is", metadata: ["cause": "\(error)"])
            }
        case .flush: intake.command(.flush)
        case .logStatistics: logger.notice("statistics", metadata: metrics.statistics)
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
