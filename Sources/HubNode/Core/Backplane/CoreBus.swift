import Backplane
import FoundationEssentials
import Logging
import NIOCore
import Prometheus
import Redis
import Synchronization

/// A hub's connections to the backplane of ASP.NET Core SignalR: one to publish, one to subscribe, as on a real node.
/// Also keeps whether Redis can be read and written, and the group commands that wait for acks of other nodes.
///
/// Confined to the node's event loop, like the broker.
///
/// Source: `RedisHubLifetimeManager.cs` of Microsoft.AspNetCore.SignalR.StackExchangeRedis.
actor CoreBus {
    private struct Send {
        let command: ByteBuffer
        let answer: CheckedContinuation<Int, any Error>
    }

    nonisolated let hub: CoreHub
    /// The name of this process for the hub, `<machine>_<guid>`.
    nonisolated let server: String
    nonisolated let subscriptions: CoreSubscriptions
    private nonisolated let sink: CoreBusSink
    private nonisolated let subscriber: RedisSubscriber
    private let redis: RedisConfiguration
    private let eventLoopGroup: any EventLoopGroup
    private let executor: any SerialExecutor
    private let metrics: HubMetrics
    private let logger: Logger
    private var gate: PublishGate<Send>
    private var client: RedisClient?
    private var state = CoreBackplaneState()
    private var groupCommands: CoreGroupCommands

    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    /// - Parameters:
    ///   - acknowledgementTime: time limit for the ack of a group command.
    ///   - eventLoopGroup: with a single event loop.
    init(
        redis: RedisConfiguration, settings: CoreBackplaneSettings, machine: String, limits: HubNodeLimits,
        acknowledgementTime: Duration, metrics: HubMetrics, eventLoopGroup: any EventLoopGroup,
        executor: any SerialExecutor, logger: Logger
    ) {
        self.redis = redis
        self.metrics = metrics
        groupCommands = CoreGroupCommands(timeLimit: acknowledgementTime)
        let hub = CoreHub(prefix: settings.channelPrefix, type: settings.hubType)
        self.hub = hub
        server = "\(machine)_\(UUID().uuidString.lowercased().replacing("-", with: ""))"
        self.eventLoopGroup = eventLoopGroup
        self.executor = executor
        self.logger = logger
        gate = PublishGate(limit: limits.bufferedSends)
        sink = CoreBusSink(largestPayload: limits.envelopeBytes)
        let fixed: [(CoreKind, String)] = [(.all, ""), (.groupCommand, ""), (.ack, server), (.result, server)]
        subscriber = RedisSubscriber(
            configuration: redis.named("hub"),
            names: fixed.map { kind, name in
                SubscribedName(channel: hub.channel(kind, Array(name.utf8)), index: 0, keepsName: true)
            },
            header: MessageHeader(
                count: { CoreRecord.headerCount(channel: $0, payload: $1) },
                write: { CoreRecord.writeHeader(channel: $0, payloadCount: $1, to: $2) }), keepsAll: true,
            title: { hub.topic }, eventLoopGroup: eventLoopGroup, sink: sink, logger: logger)
        subscriptions = CoreSubscriptions(subscriber: subscriber, executor: executor)
    }

    /// Stays connected until the task is cancelled.
    ///
    /// - Parameter handle: called with each event, on the event loop.
    /// - Throws: `RedisError` if the first connection fails for a permanent reason.
    func run(_ handle: @escaping @Sendable (CoreBusEvent) -> Void) async throws {
        sink.set { event in
            handle(self.assumeIsolated { $0.noted(event) })
        }
        defer { refuseAll() }
        let subscriber = subscriber
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await subscriber.run() }
            group.addTask { try await self.holdPublisher(handle) }
            try await group.next()
            group.cancelAll()
            try await group.waitForAll()
        }
    }

    /// Why Redis cannot be read or written now; nil if it can.
    var outage: String? { state.outage }

    /// Updates the state.
    ///
    /// - Returns: the event; a new subscription with the gap that it ends.
    private func noted(_ event: CoreBusEvent) -> CoreBusEvent {
        switch event {
        case .subscribed: return .subscribed(gap: state.subscribed(at: .now()))
        case .unsubscribed(let reason): state.unsubscribed(reason: reason, at: .now())
        case .canPublish, .cannotPublish, .batch, .oversized: break
        }
        return event
    }

    // MARK: - Group commands

    /// Asks the node that owns a connection to change its groups, and waits for the ack.
    ///
    /// - Throws: ``CallFailure`` if there is no ack in time, or Redis cannot be reached.
    func command(_ change: GroupChange, _ group: String, connectionID: String) async throws {
        let command = groupCommands.make(change, group, connectionID: connectionID, server: server)
        let isDone = await withCheckedContinuation { continuation in
            groupCommands.wait(for: command, since: .now(), continuation)
            Task {
                do {
                    _ = try await publish(.groupCommand(command), to: hub.channel(.groupCommand, []))
                } catch {
                    logger.warning("a group command could not be published", metadata: ["cause": "\(error)"])
                    groupCommands.giveUp(command)
                }
            }
        }
        guard isDone else {
            metrics.missingAcknowledgements.increment()
            throw CallFailure.unacknowledged
        }
    }

    /// The ack of a group command has arrived.
    func acknowledged(_ id: Int32) { groupCommands.acknowledged(id) }

    /// Gives up group commands that have timed out.
    func expireGroupCommands(at now: NIODeadline) { groupCommands.expire(at: now) }

    func giveUpGroupCommands() { groupCommands.giveUpAll() }

    // MARK: - Publishing

    /// Publishes in the order of the calls, without a caller that waits for the outcome.
    func tell(_ payload: CorePayload, to channel: [UInt8]) {
        Task {
            do {
                _ = try await publish(payload, to: channel)
            } catch {
                logger.warning("could not publish", metadata: ["cause": "\(error)"])
            }
        }
    }

    /// - Returns: the number of subscribers reached, as reported by Redis.
    /// - Throws: ``CallFailure`` if Redis cannot be reached.
    func publish(_ payload: CorePayload, to channel: [UInt8]) async throws -> Int {
        do {
            let receivers = try await send(payload.encoded(), to: channel)
            metrics.published.increment()
            return receivers
        } catch {
            metrics.publishErrors.increment()
            throw error
        }
    }

    private func send(_ payload: [UInt8], to channel: [UInt8]) async throws -> Int {
        var command = ByteBufferAllocator().buffer(capacity: payload.count + channel.count + 64)
        RESPEncoder.encode(["PUBLISH", .bytes(channel), .bytes(payload)], into: &command)
        return try await withCheckedThrowingContinuation { continuation in
            let send = Send(command: command, answer: continuation)
            switch gate.admit(send) {
            case .send: transmit(send)
            case .wait: break
            case .refuse(let reason): continuation.resume(throwing: CallFailure.notPublished(reason))
            }
        }
    }

    private func transmit(_ send: Send) {
        guard let client else {
            return send.answer.resume(throwing: CallFailure.notPublished("the connection to Redis is lost"))
        }
        client.pipeline(send.command, count: 1) { reply in
            switch reply {
            case .success(.error(let text)): send.answer.resume(throwing: CallFailure.notPublished(text))
            case .success(let value): send.answer.resume(returning: Int(value.integer ?? 0))
            case .failure(let error): send.answer.resume(throwing: CallFailure.notPublished("\(error)"))
            }
        }
    }

    private func holdPublisher(_ handle: @escaping @Sendable (CoreBusEvent) -> Void) async throws {
        try await PublishingConnection(redis: redis, eventLoopGroup: eventLoopGroup, logger: logger).hold(
            opened: { client in
                self.client = client
                state.canPublish()
                handle(.canPublish)
                for send in gate.open() { transmit(send) }
            },
            lost: { reason in
                client = nil
                gate.lose(reason: reason)
                state.cannotPublish(reason: reason)
                handle(.cannotPublish)
            })
    }

    private func refuseAll() {
        for send in gate.close(reason: "the node is stopping") {
            send.answer.resume(throwing: CallFailure.notPublished("the node is stopping"))
        }
    }
}

/// The events of the ASP.NET Core SignalR backplane for a hub, in order.
enum CoreBusEvent: Sendable {
    /// - Parameter gap: how long messages were missed, 0 if no loss was reported; nil for the first subscription.
    case subscribed(gap: TimeAmount?)
    case unsubscribed(reason: String)
    case canPublish
    case cannotPublish
    /// All messages of one read from Redis.
    case batch(EnvelopeBatch)
    /// A payload above the limit was skipped.
    case oversized(bytes: Int)
}

/// Passes the subscription's messages to the broker, on their common event loop.
private final class CoreBusSink: EnvelopeSink {
    private let largestPayload: Int
    /// Set once, before the subscription starts.
    private let handler = HandlerBox()

    private final class HandlerBox: Sendable {
        let value = Mutex<@Sendable (CoreBusEvent) -> Void>({ _ in })
    }

    init(largestPayload: Int) {
        self.largestPayload = largestPayload
    }

    func set(_ handle: @escaping @Sendable (CoreBusEvent) -> Void) { handler.value.withLock { $0 = handle } }

    private func tell(_ event: CoreBusEvent) { handler.value.withLock { $0 }(event) }

    func nextBatch() -> EnvelopeBatch { EnvelopeBatch() }
    func deliver(_ batch: EnvelopeBatch) { tell(.batch(batch)) }

    func admission(ofPayload bytes: Int, channel: Int) -> PayloadAdmission {
        bytes <= largestPayload ? .take : .tooLarge
    }

    func skipped(_ payload: SkippedPayload) { tell(.oversized(bytes: payload.bytes)) }
    // The bus fills in the gap.
    func subscribed(_ subscription: Subscription) { tell(.subscribed(gap: nil)) }
    func disconnected(_ cause: DisconnectCause) { tell(.unsubscribed(reason: cause.description)) }
}
