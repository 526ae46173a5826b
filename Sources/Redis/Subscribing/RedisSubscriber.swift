package import Logging
import NIOConcurrencyHelpers
package import NIOCore

/// Holds a subscription to channels and patterns of one Redis server, through every reconnect, and hands what arrives to a sink.
///
/// The way of an envelope begins here: socket, ``SubscriberHandler``, ``RESPReader``, ``EnvelopeBatch``, sink.
package final class RedisSubscriber: Sendable {
    /// When to look for a dead peer.
    ///
    /// A configuration brings its own (``RedisConfiguration/pingIntervalSeconds``).
    package struct Timing: Sendable {
        /// A connection quiet for this long is sent a PING; quiet for as long again, it is given up.
        package var pingInterval: TimeAmount
        /// The longest wait from the TCP connection to the confirmed subscription.
        package var handshakeTimeout: TimeAmount

        package init(pingInterval: TimeAmount = .seconds(5), handshakeTimeout: TimeAmount = .seconds(10)) {
            self.pingInterval = pingInterval
            self.handshakeTimeout = handshakeTimeout
        }
    }

    /// Bytes asked of the socket at a time.
    private static let receiveBufferSize = 256 * 1024

    private let configuration: RedisConfiguration
    private let wanted: WantedNames
    /// For the log: what is subscribed.
    private let title: @Sendable () -> String
    private let timing: Timing
    private let eventLoopGroup: any EventLoopGroup
    private let sink: any EnvelopeSink
    private let logger: Logger
    private let onSubscribed: @Sendable () -> Void
    /// The connection, from before it is open: who asks for other names while it is being set up is heard when it stands.
    private let current = NIOLockedValueBox<(any Channel)?>(nil)

    /// - Parameters:
    ///   - channels: Redis channels whose messages are kept as they were published; their order gives the index in
    ///     ``EnvelopeBatch``.
    ///   - timing: nil for what the configuration says.
    ///   - sink: takes the envelopes, on the event loop.
    ///   - onSubscribed: called after each confirmed subscription; must not wait.
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
    ///   - names: what is subscribed from the start; without any the connection waits for ``add(_:_:)``.
    ///   - header: of messages that are kept with the Redis channel they came on; needed where a name says so.
    ///   - keepsAll: takes every message under index 0, with its Redis channel: for those who know themselves whose it is.
    ///   - title: what is subscribed, for the log.
    ///   - timing: nil for what the configuration says.
    ///   - sink: takes the envelopes, on the event loop.
    ///   - onSubscribed: called after each confirmed subscription; must not wait.
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

    /// Waits until everything that Redis has sent to the subscription by now has been handed to the sink.
    ///
    /// - Parameter body: called on the event loop at that point of the stream.
    /// - Returns: false if there is no subscription or it ends before; then `body` is not called.
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

    // MARK: - Other names

    /// What became of ``add(_:_:)``.
    package enum Change: Sendable, Equatable {
        case confirmed
        /// There is no connection now, or it ended: the next one asks for the names with the others.
        case later
        /// Redis refused, in its words. The names are not asked for again.
        case refused(String)
    }

    /// Subscribes names beside those that are subscribed.
    ///
    /// - Parameter body: called on the event loop at the point of the stream from which on all of them are heard; not if that
    ///   comes later, or never.
    package func add(_ names: [SubscribedName], _ body: @escaping @Sendable () -> Void = {}) async -> Change {
        wanted.add(names)
        let change = await change(names.map(\.key), isAdding: true, body)
        // Some of them may have been granted.
        if case .refused = change { _ = await remove(names.map(\.key)) }
        return change
    }

    /// Leaves names.
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

    // MARK: - The life of the subscription

    /// Subscribes, and subscribes again whenever the connection ends, until the task is cancelled.
    ///
    /// - Throws: ``RedisError`` if the first subscription fails for a reason that time does not heal (wrong password,
    ///   missing right, not a Redis server). After a first success every failure is retried.
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
            // Cancelled while waiting: the loop's condition ends it.
            try? await Task.sleep(for: backoff.next(using: &random))
        }
    }

    /// Leaves the server for whichever is the master now; from any thread.
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

    /// One connection to whichever server can be used, from connect to its end.
    private func holdSubscription(onSubscribed: () -> Void) async throws -> DisconnectCause {
        try await RedisRoute(configuration: configuration, eventLoopGroup: eventLoopGroup).first { server in
            try await holdSubscription(at: server, onSubscribed: onSubscribed)
        }
    }

    private func holdSubscription(at server: RedisEndpoint, onSubscribed: () -> Void) async throws -> DisconnectCause {
        let loop = eventLoopGroup.next()
        let subscribed = loop.makePromise(of: Void.self)
        let ended = loop.makePromise(of: DisconnectCause.self)
        let channel: any Channel
        defer { current.withLockedValue { $0 = nil } }
        do {
            channel = try await connect(to: server, on: loop, subscribed: subscribed, ended: ended)
        } catch {
            subscribed.fail(error)
            ended.fail(error)
            throw error
        }
        return try await withTaskCancellationHandler {
            try await subscribed.futureResult.get()
            onSubscribed()
            self.onSubscribed()
            logger.info(
                "subscribed", metadata: ["redis": "\(server)", "channels": "\(title())"])
            // Ends with this scope.
            async let _: Void = leaveWhenReplaced(server, channel: channel)
            return try await ended.futureResult.get()
        } onCancel: {
            leave(channel, cause: .stopped)
        }
    }

    /// Where sentinels watch over the master: leaves it as soon as they name another.
    private func leaveWhenReplaced(_ server: RedisEndpoint, channel: any Channel) async {
        guard configuration.sentinelMaster != nil else { return }
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
        to server: RedisEndpoint, on loop: any EventLoop, subscribed: EventLoopPromise<Void>,
        ended: EventLoopPromise<DisconnectCause>
    ) async throws -> any Channel {
        let credentials = try configuration.credentials()
        let dialer = Dialer(
            configuration: configuration, server: server, loop: loop, receiveBufferSize: Self.receiveBufferSize,
            readsByItself: false)
        return try await dialer.connect { [configuration, wanted, timing, sink, current] channel in
            current.withLockedValue { $0 = channel }
            try channel.pipeline.syncOperations.addHandler(
                SubscriberHandler(
                    configuration: configuration, credentials: credentials, server: server, wanted: wanted,
                    timing: timing, sink: sink, subscribed: subscribed, ended: ended))
        }
    }
}
