package import Logging
import NIOConcurrencyHelpers
package import NIOCore

/// Maintains a subscription to channels and patterns of a Redis server across reconnects, and passes messages to a
/// sink.
///
/// The path of an envelope begins here: socket, ``SubscriberHandler``, ``RESPReader``, ``EnvelopeBatch``, sink.
package final class RedisSubscriber: Sendable {
    /// Maximum number of bytes per read.
    private static let receiveBufferSize = 256 * 1024

    private let configuration: RedisConfiguration
    private let wanted: WantedNames
    /// What is subscribed, for the log.
    private let title: @Sendable () -> String
    private let timing: Timing
    private let eventLoopGroup: any EventLoopGroup
    private let sink: any EnvelopeSink
    private let logger: Logger
    private let onSubscribed: @Sendable () -> Void
    /// The connection, set before it is open: names requested during setup are handled once it is ready.
    private let current = NIOLockedValueBox<(any Channel)?>(nil)
    private let place = NIOLockedValueBox<RedisEndpoint?>(nil)

    /// - Parameters:
    ///   - channels: Redis channels whose messages are kept unchanged; their order determines the index in
    ///     ``EnvelopeBatch``.
    ///   - timing: nil for the configuration's.
    ///   - sink: receives the envelopes, on the event loop.
    ///   - onSubscribed: called after each confirmed subscription; must not block.
    package convenience init(
        configuration: RedisConfiguration, channels: [String], timing: Timing? = nil,
        eventLoopGroup: any EventLoopGroup, sink: any EnvelopeSink, logger: Logger,
        onSubscribed: @escaping @Sendable () -> Void = {}
    ) {
        precondition(!channels.isEmpty, "a subscriber needs a channel")
        self.init(
            configuration: configuration,
            names: channels.enumerated().map { SubscribedName(channel: $1, index: $0) },
            title: { channels.joined(separator: ", ") }, timing: timing, eventLoopGroup: eventLoopGroup, sink: sink,
            logger: logger, onSubscribed: onSubscribed)
    }

    /// - Parameters:
    ///   - names: the initial subscriptions; without any the connection waits for ``add(_:_:)``.
    ///   - header: of messages kept with their Redis channel; required if a name asks for it.
    ///   - keepsAll: keeps every message under index 0, with its Redis channel, for callers that sort messages
    ///     themselves.
    ///   - title: what is subscribed, for the log.
    ///   - timing: nil for the configuration's.
    ///   - sink: receives the envelopes, on the event loop.
    ///   - onSubscribed: called after each confirmed subscription; must not block.
    package init(
        configuration: RedisConfiguration, names: [SubscribedName], header: MessageHeader? = nil,
        keepsAll: Bool = false, title: @escaping @Sendable () -> String, timing: Timing? = nil,
        eventLoopGroup: any EventLoopGroup, sink: any EnvelopeSink, logger: Logger,
        onSubscribed: @escaping @Sendable () -> Void = {}
    ) {
        self.configuration = configuration
        wanted = WantedNames(names, header: header, keepsAll: keepsAll)
        self.title = title
        self.timing =
            timing
            ?? Timing(
                pingInterval: .seconds(configuration.pingIntervalSeconds),
                handshakeTimeout: .milliseconds(configuration.answerTimeoutMilliseconds))
        self.eventLoopGroup = eventLoopGroup
        self.sink = sink
        self.logger = logger
        self.onSubscribed = onSubscribed
    }

    /// Waits until everything that Redis has sent so far was passed to the sink.
    ///
    /// - Parameter body: called on the event loop at that point of the stream.
    /// - Returns: false if there is no subscription or it ends first; then `body` is not called.
    package func fence(_ body: @escaping @Sendable () -> Void) async -> Bool {
        guard let channel = current.withLockedValue({ $0 }) else { return false }
        return await withCheckedContinuation { continuation in
            Self.withHandler(of: channel) { handler, context in
                guard let handler, let context else { return continuation.resume(returning: false) }
                handler.fence(context: context) { isPassed in
                    if isPassed { body() }
                    continuation.resume(returning: isPassed)
                }
            }
        }
    }

    /// The server of the confirmed subscription; nil while there is none. Thread-safe.
    package var server: RedisEndpoint? { place.withLockedValue { $0 } }

    // MARK: - Changing the subscribed names

    /// The result of ``add(_:_:)``.
    package enum Change: Sendable, Equatable {
        case confirmed
        /// There is no connection, or it ended: the next one subscribes to the names with the others.
        case later
        /// Redis refused, with this reply. The names are not requested again.
        case refused(String)
    }

    /// Adds subscriptions.
    ///
    /// - Parameter body: called on the event loop at the point of the stream from which all of them are received; not
    ///   called if that happens later, or never.
    package func add(_ names: [SubscribedName], _ body: @escaping @Sendable () -> Void = {}) async -> Change {
        wanted.add(names)
        let change = await change(names.map(\.key), isAdding: true, body)
        // Redis may have confirmed some of the names.
        if case .refused = change { _ = await remove(names.map(\.key)) }
        return change
    }

    /// Removes subscriptions.
    @discardableResult
    package func remove(_ names: [SubscribedName.Key]) async -> Change {
        wanted.remove(names)
        return await change(names, isAdding: false) {}
    }

    private func change(
        _ names: [SubscribedName.Key], isAdding: Bool, _ body: @escaping @Sendable () -> Void
    ) async -> Change {
        guard let channel = current.withLockedValue({ $0 }) else { return .later }
        return await withCheckedContinuation { continuation in
            Self.withHandler(of: channel) { handler, context in
                guard let handler, let context else { return continuation.resume(returning: .later) }
                handler.change(names, isAdding: isAdding, context: context) { refusal in
                    switch refusal {
                    case nil:
                        body()
                        continuation.resume(returning: .confirmed)
                    case SubscriberHandler.connectionEnded: continuation.resume(returning: .later)
                    case let text?: continuation.resume(returning: .refused(text))
                    }
                }
            }
        }
    }

    /// On the event loop; with nil if the connection has ended.
    private static func withHandler(
        of channel: any Channel, _ body: @escaping @Sendable (SubscriberHandler?, ChannelHandlerContext?) -> Void
    ) {
        channel.eventLoop.execute {
            let context = try? channel.pipeline.syncOperations.context(handlerType: SubscriberHandler.self)
            body(context?.handler as? SubscriberHandler, context)
        }
    }

    // MARK: - Connecting

    /// Subscribes, and resubscribes whenever the connection ends, until the task is cancelled.
    ///
    /// - Throws: ``RedisError`` if the first subscription fails for a permanent reason (wrong password, missing right,
    ///   not a Redis server). After a first success every failure is retried.
    package func run() async throws {
        var backoff = ReconnectBackoff()
        var random = SystemRandomNumberGenerator()
        var everSubscribed = false
        while !Task.isCancelled {
            do {
                let cause = try await holdSubscription {
                    everSubscribed = true
                    backoff.reset()
                }
                if Task.isCancelled { return }
                logger.warning(
                    "subscription lost, reconnecting",
                    metadata: [
                        "redis": "\(configuration.endpoint)", "channels": "\(title())", "cause": "\(cause)",
                    ])
            } catch {
                if Task.isCancelled { return }
                let transient = (error as? RedisError)?.isTransient ?? true
                guard transient || everSubscribed else { throw error }
                log(error, everSubscribed: everSubscribed)
            }
            // On cancellation the loop condition ends it.
            try? await Task.sleep(for: backoff.next(using: &random))
        }
    }

    /// Disconnects and connects to the current master; thread-safe.
    package func leaveForMaster() {
        if let channel = current.withLockedValue({ $0 }) { leave(channel, cause: .failover) }
    }

    private func log(_ error: any Error, everSubscribed: Bool) {
        let metadata: Logger.Metadata = [
            "redis": "\(configuration.endpoint)", "channels": "\(title())", "cause": "\(error)",
        ]
        if everSubscribed, (error as? RedisError)?.isLoginRefused == true {
            logger.error(
                "cannot subscribe: the login worked before and is refused now; was the password rotated? trying again",
                metadata: metadata)
        } else {
            logger.warning("cannot subscribe, trying again", metadata: metadata)
        }
    }

    /// Connects to a usable server, and returns when the connection ends.
    private func holdSubscription(onSubscribed: () -> Void) async throws -> DisconnectCause {
        try await RedisRoute(configuration: configuration, eventLoopGroup: eventLoopGroup).first(probes: true) {
            server, configuration in
            try await holdSubscription(at: server, configuration, onSubscribed: onSubscribed)
        }
    }

    /// - Parameter configuration: with what the server must be.
    private func holdSubscription(
        at server: RedisEndpoint, _ configuration: RedisConfiguration, onSubscribed: () -> Void
    ) async throws -> DisconnectCause {
        let loop = eventLoopGroup.next()
        let subscribed = loop.makePromise(of: Subscription.self)
        let ended = loop.makePromise(of: DisconnectCause.self)
        let channel: any Channel
        defer {
            current.withLockedValue { $0 = nil }
            place.withLockedValue { $0 = nil }
        }
        do {
            channel = try await connect(to: server, configuration, on: loop, subscribed: subscribed, ended: ended)
        } catch {
            subscribed.fail(error)
            ended.fail(error)
            throw error
        }
        return try await withTaskCancellationHandler {
            let subscription = try await subscribed.futureResult.get()
            place.withLockedValue { $0 = server }
            if subscription.isCluster { configuration.learned?.foundCluster() }
            onSubscribed()
            self.onSubscribed()
            log(subscription, at: server)
            // Ends with this scope.
            async let _: Void = leaveWhenReplaced(server, role: subscription.role, channel: channel)
            return try await ended.futureResult.get()
        } onCancel: {
            leave(channel, cause: .stopped)
        }
    }

    private func log(_ subscription: Subscription, at server: RedisEndpoint) {
        var metadata: Logger.Metadata = ["redis": "\(server)", "channels": "\(title())"]
        if case .replica(let master) = subscription.role { metadata["replica_of"] = "\(master ?? "unknown")" }
        if subscription.isCluster { metadata["mode"] = "cluster" }
        logger.info("subscribed", metadata: metadata)
        guard configuration.use == .watch, configuration.hasChoice, configuration.preference == .replica,
            subscription.role == .master, !subscription.isCluster
        else { return }
        logger.notice(
            "no replica with a link to its master was found, so the master is watched", metadata: ["redis": "\(server)"]
        )
    }

    /// With sentinels: disconnects from a master as soon as they name another one. A replica is not left.
    private func leaveWhenReplaced(
        _ server: RedisEndpoint, role: Subscription.Role, channel: any Channel
    ) async {
        guard configuration.sentinelMaster != nil, role == .master else { return }
        let sentinels = Sentinels(configuration: configuration, eventLoopGroup: eventLoopGroup)
        await SentinelWatch(sentinels: sentinels, logger: logger).waitForSuccessor(of: server)
        if !Task.isCancelled { leave(channel, cause: .failover) }
    }

    private func leave(_ channel: any Channel, cause: DisconnectCause) {
        Self.withHandler(of: channel) { handler, context in
            if let context { handler?.leave(cause, context: context) }
        }
    }

    private func connect(
        to server: RedisEndpoint, _ configuration: RedisConfiguration, on loop: any EventLoop,
        subscribed: EventLoopPromise<Subscription>, ended: EventLoopPromise<DisconnectCause>
    ) async throws -> any Channel {
        let credentials = try configuration.credentials()
        let dialer = Dialer(
            configuration: configuration, server: server, loop: loop, receiveBufferSize: Self.receiveBufferSize,
            readsByItself: false)
        return try await dialer.connect { [wanted, timing, sink, current] channel in
            current.withLockedValue { $0 = channel }
            try channel.pipeline.syncOperations.addHandler(
                SubscriberHandler(
                    configuration: configuration, credentials: credentials, server: server, wanted: wanted,
                    timing: timing, sink: sink, subscribed: subscribed, ended: ended))
        }
    }
}
