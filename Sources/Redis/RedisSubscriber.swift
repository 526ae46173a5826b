public import Logging
public import NIOCore
import NIOPosix

/// Holds a subscription to channels of one Redis server, through every reconnect, and hands what arrives to a sink.
///
/// The way of an envelope begins here: socket, ``SubscriberHandler``, ``RESPReader``, ``EnvelopeBatch``, sink.
public final class RedisSubscriber: Sendable {
    /// When to look for a dead peer.
    public struct Timing: Sendable {
        /// A connection quiet for this long is sent a PING; quiet for as long again, it is given up.
        public var pingInterval: TimeAmount
        /// The longest wait from the TCP connection to the confirmed subscription.
        public var handshakeTimeout: TimeAmount

        public init(pingInterval: TimeAmount = .seconds(5), handshakeTimeout: TimeAmount = .seconds(10)) {
            self.pingInterval = pingInterval
            self.handshakeTimeout = handshakeTimeout
        }
    }

    /// Bytes asked of the socket at a time.
    private static let receiveBufferSize = 256 * 1024

    private let configuration: RedisConfiguration
    private let channels: [String]
    private let timing: Timing
    private let eventLoopGroup: any EventLoopGroup
    private let sink: any EnvelopeSink
    private let logger: Logger

    /// - Parameters:
    ///   - channels: the Redis channels (event keys), at least one; their order gives the index in ``EnvelopeBatch``.
    ///   - sink: takes the envelopes, on the event loop.
    public init(
        configuration: RedisConfiguration, channels: [String], timing: Timing = Timing(),
        eventLoopGroup: any EventLoopGroup, sink: any EnvelopeSink, logger: Logger
    ) {
        precondition(!channels.isEmpty, "a subscriber needs a channel")
        self.configuration = configuration
        self.channels = channels
        self.timing = timing
        self.eventLoopGroup = eventLoopGroup
        self.sink = sink
        self.logger = logger
    }

    /// Subscribes, and subscribes again whenever the connection ends, until the task is cancelled.
    ///
    /// - Throws: ``RedisError`` if the first subscription fails for a reason that time does not heal (wrong password,
    ///   missing right, not a Redis server). After a first success every failure is retried.
    public func run() async throws {
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
                        "redis": "\(configuration.endpoint)", "cause": "\(cause)",
                    ])
            } catch {
                if Task.isCancelled { return }
                let transient = (error as? RedisError)?.isTransient ?? true
                guard transient || everSubscribed else { throw error }
                logger.warning(
                    "cannot subscribe, trying again",
                    metadata: [
                        "redis": "\(configuration.endpoint)", "cause": "\(error)",
                    ])
            }
            // Cancelled while waiting: the loop's condition ends it.
            try? await Task.sleep(for: backoff.next(using: &random))
        }
    }

    /// One connection, from connect to its end.
    private func holdSubscription(onSubscribed: () -> Void) async throws -> DisconnectCause {
        let loop = eventLoopGroup.next()
        let subscribed = loop.makePromise(of: Void.self)
        let ended = loop.makePromise(of: DisconnectCause.self)
        let channel: any Channel
        do {
            channel = try await connect(on: loop, subscribed: subscribed, ended: ended)
        } catch {
            let error = RedisError.cannotConnect(
                endpoint: configuration.endpoint, reason: ConnectFailure.reason(of: error))
            subscribed.fail(error)
            ended.fail(error)
            throw error
        }
        return try await withTaskCancellationHandler {
            try await subscribed.futureResult.get()
            onSubscribed()
            logger.info(
                "subscribed",
                metadata: [
                    "redis": "\(configuration.endpoint)", "channels": "\(channels.joined(separator: ", "))",
                ])
            return try await ended.futureResult.get()
        } onCancel: {
            channel.eventLoop.execute {
                guard let context = try? channel.pipeline.syncOperations.context(handlerType: SubscriberHandler.self),
                    let handler = context.handler as? SubscriberHandler
                else { return }
                handler.stop(context: context)
            }
        }
    }

    private func connect(
        on loop: any EventLoop, subscribed: EventLoopPromise<Void>, ended: EventLoopPromise<DisconnectCause>
    ) async throws -> any Channel {
        try await ClientBootstrap(group: loop)
            .connectTimeout(.milliseconds(configuration.connectTimeoutMilliseconds))
            .channelOption(.recvAllocator, value: FixedSizeRecvByteBufferAllocator(capacity: Self.receiveBufferSize))
            .channelOption(.autoRead, value: false)
            .channelOption(.socketOption(.so_keepalive), value: 1)
            .channelInitializer { [configuration, channels, timing, sink] channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.pipeline.syncOperations.addHandler(
                        SubscriberHandler(
                            configuration: configuration, channels: channels, timing: timing, sink: sink,
                            subscribed: subscribed, ended: ended))
                }
            }
            .connect(host: configuration.host, port: configuration.port)
            .get()
    }
}
