package import Logging
package import NIOCore

/// Reads the replication stream of a Redis server, master or replica, and passes each PUBLISH of the wanted channels to
/// a sink, as a ``RedisSubscriber`` does with its messages.
///
/// It is not a subscriber: the reply to PUBLISH and `NUMSUB` do not change. The stream is counted in bytes, and the server
/// keeps the last part of it (its backlog), so a new connection continues where the last one ended: nothing is lost
/// unless the backlog was too small, and then the loss is reported (``TapAttachment/Loss``). What is published at a replica
/// stays there: it is not in the stream.
package final class ReplicationTap: Sendable {
    /// Maximum number of bytes per read.
    private static let receiveBufferSize = 256 * 1024
    /// A connection that did not last this long is followed by a pause.
    private static let shortLife = Duration.milliseconds(250)

    private let configuration: RedisConfiguration
    private let wanted: WantedNames
    private let title: @Sendable () -> String
    private let limits: TapLimits
    private let timing: Timing
    private let eventLoopGroup: any EventLoopGroup
    private let sink: any EnvelopeSink
    private let observer: (any TapObserver)?
    private let logger: Logger
    private let progress: TapProgress

    /// - Parameters:
    ///   - configuration: the server, a master or a replica. Of several servers, the first that can be used.
    ///   - names: the wanted channels and patterns; may be empty until ``add(_:_:)``. A PUBLISH is passed on once, even if
    ///     several match.
    ///   - header: of messages kept with their Redis channel; required if a name asks for it.
    ///   - keepsAll: keeps every PUBLISH under index 0, with its Redis channel.
    ///   - title: what is wanted, for the log.
    ///   - limits: what it may cost the server.
    ///   - last: where an earlier tap ended, to continue there.
    ///   - lastFullSync: shared with earlier taps of the same relay.
    ///   - timing: nil for the defaults, with the configuration's limit for the handshake.
    ///   - sink: receives the envelopes, on the event loop.
    ///   - observer: notified of what happens.
    package init(
        configuration: RedisConfiguration, names: [SubscribedName], header: MessageHeader? = nil,
        keepsAll: Bool = false, title: @escaping @Sendable () -> String = { "" }, limits: TapLimits = TapLimits(),
        last: ReplicationPosition? = nil, lastFullSync: FullSyncTime = FullSyncTime(), timing: Timing? = nil,
        eventLoopGroup: any EventLoopGroup, sink: any EnvelopeSink, observer: (any TapObserver)? = nil, logger: Logger
    ) {
        self.configuration = configuration
        wanted = WantedNames(names, header: header, keepsAll: keepsAll)
        self.title = title
        self.limits = limits
        self.timing = timing ?? Timing(handshakeTimeout: .milliseconds(configuration.answerTimeoutMilliseconds))
        self.eventLoopGroup = eventLoopGroup
        self.sink = sink
        self.observer = observer
        self.logger = logger
        progress = TapProgress(last: last, lastFullSync: lastFullSync)
    }

    /// Position up to which the sink has received everything; nil before the first attachment.
    package var position: ReplicationPosition? { progress.position }

    /// What was read so far.
    package var figures: TapFigures { progress.figures }

    // MARK: - Changing the wanted names

    /// Adds wanted channels or patterns, from this moment of the stream on.
    ///
    /// - Parameter body: called on the event loop at the point of the stream from which they are received; not called
    ///   if that happens later.
    /// - Returns: `later` if it is not attached; `refused` never.
    package func add(
        _ names: [SubscribedName], _ body: @escaping @Sendable () -> Void = {}
    ) async -> RedisSubscriber.Change {
        wanted.add(names)
        return await renewNames(body)
    }

    /// Removes wanted channels or patterns.
    @discardableResult
    package func remove(_ names: [SubscribedName.Key]) async -> RedisSubscriber.Change {
        wanted.remove(names)
        return await renewNames {}
    }

    private func renewNames(_ body: @escaping @Sendable () -> Void) async -> RedisSubscriber.Change {
        guard let channel = progress.channel else { return .later }
        return await withCheckedContinuation { continuation in
            Self.withHandler(of: channel) { handler, _ in
                guard let handler, handler.renewNames() else { return continuation.resume(returning: .later) }
                body()
                continuation.resume(returning: .confirmed)
            }
        }
    }

    /// Waits until everything that the server has executed so far was passed to the sink. Asks the server for its
    /// offset over a separate connection: call it rarely.
    ///
    /// - Parameter body: called on the event loop at that point of the stream.
    /// - Returns: false if the tap is not attached, the server does not report its offset, or the attachment ends first;
    ///   then `body` is not called.
    package func fence(_ body: @escaping @Sendable () -> Void) async -> Bool { await fence(within: nil, body) }

    /// - Parameter limit: the longest wait after the server's answer; nil for any.
    private func fence(within limit: TimeAmount?, _ body: @escaping @Sendable () -> Void) async -> Bool {
        guard let channel = progress.channel, let server = progress.server, let end = await end(of: server) else {
            return false
        }
        return await withCheckedContinuation { continuation in
            Self.withHandler(of: channel) { handler, context in
                guard let handler, let context else { return continuation.resume(returning: false) }
                handler.fence(at: end, within: limit, context: context) { isPassed in
                    if isPassed { body() }
                    continuation.resume(returning: isPassed)
                }
            }
        }
    }

    private func end(of server: RedisEndpoint) async -> ReplicationPosition? {
        let client = try? await RedisClient.connect(
            to: server, of: configuration, purpose: .inquiry, on: eventLoopGroup.next())
        guard let client else { return nil }
        var facts = TapFacts(endpoint: client.endpoint)
        if let reply = try? await client.ask(["INFO", "replication"]) { facts.take(reply, of: .info) }
        await client.close()
        return facts.end
    }

    /// Leaves the server, and attaches to the one that the configuration names now; thread-safe.
    package func leaveForAnother() {
        if let channel = progress.channel { Self.leave(channel, cause: .failover) }
    }

    private static func leave(_ channel: any Channel, cause: DisconnectCause) {
        withHandler(of: channel) { handler, context in
            if let context { handler?.leave(cause, context: context) }
        }
    }

    /// On the event loop; with nil if the connection has ended.
    private static func withHandler(
        of channel: any Channel, _ body: @escaping @Sendable (TapHandler?, ChannelHandlerContext?) -> Void
    ) {
        channel.eventLoop.execute {
            let context = try? channel.pipeline.syncOperations.context(handlerType: TapHandler.self)
            body(context?.handler as? TapHandler, context)
        }
    }

    // MARK: - Connecting

    /// Attaches, and attaches again whenever the connection ends, until the task is cancelled. The first attempt after
    /// a lost connection has no delay. May be called again after an error: it continues at ``position`` if it can.
    ///
    /// - Throws: ``TapError``, always; ``RedisError`` if the first attachment fails for a permanent reason. After a
    ///   first success every ``RedisError`` is retried.
    package func run() async throws {
        var backoff = ReconnectBackoff()
        var random = SystemRandomNumberGenerator()
        while !Task.isCancelled {
            let began = ContinuousClock.now
            do {
                let end = try await holdConnection()
                if Task.isCancelled { return }
                if ContinuousClock.now - began > Self.shortLife { backoff.reset() }
                guard case .detached(let cause) = end else { continue }
                log("replication stream lost, attaching again", cause: "\(cause)")
                if cause == .serverStopping {
                    try? await Task.sleep(for: .nanoseconds(timing.stopAbsence.nanoseconds))
                    continue
                }
                if ContinuousClock.now - began > Self.shortLife { continue }
            } catch let error as TapFailure {
                if Task.isCancelled { return }
                guard case .redis(let error) = error, error.isTransient || position != nil else { throw error.error }
                progress.failed()
                log("cannot attach to the replication stream, trying again", cause: "\(error)")
            } catch {
                if Task.isCancelled { return }
                guard (error as? RedisError)?.isTransient ?? true || position != nil else { throw error }
                progress.failed()
                log("cannot attach to the replication stream, trying again", cause: "\(error)")
            }
            // On cancellation the loop condition ends it.
            try? await Task.sleep(for: backoff.next(using: &random))
        }
    }

    private func log(_ message: Logger.Message, cause: String) {
        logger.warning(
            message, metadata: ["redis": "\(configuration.endpoint)", "channels": "\(title())", "cause": "\(cause)"])
    }

    /// Connects to a usable server, and returns when the connection has ended.
    private func holdConnection() async throws -> TapMachine.End {
        try await RedisRoute(configuration: configuration, eventLoopGroup: eventLoopGroup).first { server, asked in
            do {
                return try await holdConnection(at: server, asked)
            } catch TapFailure.redis(let error) {
                // The next server is tried.
                throw error
            }
        }
    }

    private func holdConnection(at server: RedisEndpoint, _ asked: RedisConfiguration) async throws -> TapMachine.End {
        let loop = eventLoopGroup.next()
        let (stops, suspectStop) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        let (silences, suspectSilence) = AsyncStream.makeStream(of: Void.self, bufferingPolicy: .bufferingNewest(1))
        let outputs = TapHandler.Outputs(
            sink: sink, observer: observer, progress: progress, suspectStop: { suspectStop.yield() },
            suspectSilence: { suspectSilence.yield() }, attached: loop.makePromise(), ended: loop.makePromise())
        let channel: any Channel
        defer { progress.closed(at: .now()) }
        do {
            channel = try await connect(to: server, asked, on: loop, outputs: outputs)
        } catch {
            outputs.attached.fail(error)
            outputs.ended.fail(error)
            throw error
        }
        return try await withTaskCancellationHandler {
            if let attachment = try? await outputs.attached.futureResult.get() {
                log(attachment, server)
                let watch = TapWatch(
                    configuration: configuration, server: server, facts: attachment.facts,
                    eventLoopGroup: eventLoopGroup, logger: logger, stops: stops, silences: silences,
                    isCurrent: { [timing] in await self.fence(within: timing.handshakeTimeout) {} })
                // Ends with this scope.
                async let _: Void = leave(channel, whenever: watch)
                return try await outputs.ended.futureResult.get()
            }
            return try await outputs.ended.futureResult.get()
        } onCancel: {
            Self.leave(channel, cause: .stopped)
        }
    }

    private func log(_ attachment: TapAttachment, _ server: RedisEndpoint) {
        var metadata: Logger.Metadata = [
            "redis": "\(server)", "channels": "\(title())", "position": "\(attachment.position)",
            "start": "\(attachment.start.rawValue)",
        ]
        switch attachment.loss {
        case nil: logger.info("attached to the replication stream", metadata: metadata)
        case .backlogLost(let bytes)?:
            metadata["bytes"] = "\(bytes)"
            logger.warning("attached to the replication stream, after a gap in it", metadata: metadata)
        case .otherHistory?:
            logger.warning("attached to a replication stream with another history, after a gap", metadata: metadata)
        }
    }

    private func leave(_ channel: any Channel, whenever watch: TapWatch) async {
        if let cause = await watch.causeToLeave() { Self.leave(channel, cause: cause) }
    }

    private func connect(
        to server: RedisEndpoint, _ configuration: RedisConfiguration, on loop: any EventLoop,
        outputs: TapHandler.Outputs
    ) async throws -> any Channel {
        let handshake = TapHandshake(
            configuration: configuration, credentials: try configuration.credentials(), endpoint: server.description)
        let dialer = Dialer(
            configuration: configuration, server: server, loop: loop, receiveBufferSize: Self.receiveBufferSize,
            readsByItself: false)
        let hasChoice = self.configuration.hasChoice
        return try await dialer.connect { [wanted, limits, timing, progress] channel in
            progress.opened(channel)
            let machine = TapMachine(
                handshake: handshake,
                request: progress.request(limits: limits, hasChoice: hasChoice, at: .now()),
                tls: TLSWatch(configuration, server: server),
                handshakeSeconds: Int(timing.handshakeTimeout.nanoseconds / 1_000_000_000))
            try channel.pipeline.syncOperations.addHandler(
                TapHandler(
                    handshake: handshake, machine: machine, server: server, wanted: wanted, timing: timing,
                    observer: configuration.observer, outputs: outputs))
        }
    }
}
