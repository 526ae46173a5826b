import Backplane
import Logging
import NIOCore
import Redis
import Time

/// A node's connection to the backplane: subscribes to the channel and publishes with the nodes' script.
///
/// Runs on the node's event loop, like the broker and the clients' connections: messages reach Redis in the order of
/// publishing.
///
/// Source: `RedisMessageBus.cs` of Microsoft.AspNet.SignalR.StackExchangeRedis.
actor RedisMessageBus {
    private struct Send {
        let blob: [UInt8]
        let answer: CheckedContinuation<UInt64, any Error>
    }

    private let redis: RedisConfiguration
    private let channel: String
    private let largestEnvelope: Int
    private let eventLoopGroup: any EventLoopGroup
    private let executor: any SerialExecutor
    private let logger: Logger
    private var gate: PublishGate<Send>
    private var tracker = SequenceTracker()
    private var isSubscribed = false
    private var client: RedisClient?
    private var script: RedisScript?
    private var handle: @Sendable (BusEvent) -> Void = { _ in }
    /// A batch to reuse: two alternate.
    private var spareBatch: EnvelopeBatch?

    nonisolated var unownedExecutor: UnownedSerialExecutor { executor.asUnownedSerialExecutor() }

    /// - Parameter eventLoopGroup: with a single event loop.
    init(
        redis: RedisConfiguration, channel: String, limits: HubNodeLimits, eventLoopGroup: any EventLoopGroup,
        executor: any SerialExecutor, logger: Logger
    ) {
        self.redis = redis
        self.channel = channel
        largestEnvelope = limits.envelopeBytes
        self.eventLoopGroup = eventLoopGroup
        self.executor = executor
        self.logger = logger
        gate = PublishGate(limit: limits.bufferedSends)
    }

    /// Stays connected until the task is cancelled.
    ///
    /// - Parameter handle: called with each event, on the event loop.
    /// - Throws: `RedisError` if the first connection fails for a permanent reason.
    func run(_ handle: @escaping @Sendable (BusEvent) -> Void) async throws {
        self.handle = handle
        let subscriber = RedisSubscriber(
            configuration: redis.named("hub"), channels: [channel], eventLoopGroup: eventLoopGroup,
            sink: BusSink(bus: self, largestEnvelope: largestEnvelope), logger: logger)
        defer {
            for send in gate.close(reason: "the node is stopping") {
                send.answer.resume(throwing: CallFailure.notPublished("the node is stopping"))
            }
        }
        try await withThrowingTaskGroup(of: Void.self) { group in
            group.addTask { try await subscriber.run() }
            group.addTask { try await self.holdPublisher() }
            try await group.next()
            group.cancelAll()
            try await group.waitForAll()
        }
    }

    // MARK: - Publishing

    /// Publishes one message in its own envelope.
    ///
    /// - Returns: the id assigned by Redis.
    /// - Throws: ``CallFailure`` if Redis cannot be reached.
    func publish(_ message: Message) async throws -> UInt64 {
        let blob = ScaleoutMessage(messages: [message], createdTicks: Self.ticks()).encoded()
        return try await withCheckedThrowingContinuation { continuation in
            let send = Send(blob: blob, answer: continuation)
            switch gate.admit(send) {
            case .send: transmit(send)
            case .wait: break
            case .refuse(let reason): continuation.resume(throwing: CallFailure.notPublished(reason))
            }
        }
    }

    private func transmit(_ send: Send, evaluating source: Bool = false) {
        guard let client, let script else {
            send.answer.resume(throwing: CallFailure.notPublished("the connection to Redis is lost"))
            return
        }
        var command = ByteBufferAllocator().buffer(capacity: send.blob.count + 128)
        RESPEncoder.encode(
            [
                source ? "EVAL" : "EVALSHA", .text(source ? script.source : script.sha1), "1", .text(channel),
                .bytes(send.blob),
            ],
            into: &command)
        client.pipeline(command, count: 1) { reply in
            self.assumeIsolated { $0.answered(send, reply, wasSource: source) }
        }
    }

    private func answered(_ send: Send, _ reply: Result<RESPValue, RedisError>, wasSource: Bool) {
        switch reply {
        case .success(.error(let text)) where text.hasPrefix("NOSCRIPT") && !wasSource:
            // The scripts were flushed.
            transmit(send, evaluating: true)
        case .success(.error(let text)):
            let error = RedisError.from(
                reply: text, command: "EVALSHA", endpoint: client?.endpoint ?? redis.endpoint,
                user: redis.username ?? "default", names: [channel])
            send.answer.resume(throwing: CallFailure.notPublished("\(error)"))
            // It is no longer a master: the next connection finds the new one.
            if case .readOnly = error, let client { Task { await client.close() } }
        case .success(let value):
            guard let id = value.array?.first?.integer else {
                send.answer.resume(throwing: CallFailure.notPublished("Redis gave no id"))
                return
            }
            send.answer.resume(returning: UInt64(clamping: id))
        case .failure(let error):
            send.answer.resume(throwing: CallFailure.notPublished("\(error)"))
        }
    }

    private func holdPublisher() async throws {
        try await PublishingConnection(redis: redis, eventLoopGroup: eventLoopGroup, logger: logger).hold(
            opened: { client in try await prepare(client) },
            lost: { reason in
                client = nil
                close(reason: reason)
            })
    }

    private func prepare(_ client: RedisClient) async throws {
        let script = try await client.load(script: BackplaneScript.publish)
        if let lastID = tracker.lastID {
            let restored = try await client.send([
                "EVAL", .text(BackplaneScript.restore), "1", .text(channel), "\(lastID)",
            ])
            if restored != .null {
                logger.notice("the counter was behind and was set to the last id", metadata: ["id": "\(lastID)"])
            }
        }
        self.script = script
        self.client = client
        openIfReady()
    }

    // MARK: - Counter

    /// Causes ``BusEvent/counter(_:wasAsked:)``; does nothing without a connection, which reports the counter when it
    /// opens.
    func askForCounter() {
        if gate.isOpen { readCounter(wasAsked: true) }
    }

    private func readCounter(wasAsked: Bool) {
        guard let client else { return }
        var command = ByteBufferAllocator().buffer(capacity: 64)
        RESPEncoder.encode(["GET", .text(channel)], into: &command)
        client.pipeline(command, count: 1) { reply in
            self.assumeIsolated { bus in
                let value: UInt64? =
                    switch reply {
                    case .success(.null): 0
                    case .success(let value): value.text.flatMap { UInt64($0) }
                    case .failure: nil
                    }
                bus.handle(.counter(value, wasAsked: wasAsked))
            }
        }
    }

    // MARK: - Receiving

    func subscriptionChanged(_ subscribed: Bool, reason: String = "") {
        isSubscribed = subscribed
        if subscribed { openIfReady() } else { close(reason: reason) }
    }

    func takeSpareBatch() -> EnvelopeBatch? {
        defer { spareBatch = nil }
        return spareBatch
    }

    func received(_ batch: EnvelopeBatch) {
        defer {
            handle(.readComplete)
            batch.reset()
            spareBatch = batch
        }
        batch.forEach { _, _, payload in
            do throws(EnvelopeError) {
                let envelope = try Envelope(decoding: payload)
                if note(envelope.id) { handle(.envelope(envelope)) }
            } catch {
                handle(.undecodable(error))
            }
        }
    }

    /// An envelope was skipped. Its id arrived, so it is not a gap.
    func passedOver(_ payload: SkippedPayload) {
        let id = payload.start.withUnsafeBytes { try? EnvelopeID.parse($0).id }
        if let id { _ = note(id) }
        handle(.oversized(id: id, bytes: payload.bytes))
    }

    /// - Returns: false for a repeated id: a real node would deliver it repeatedly.
    private func note(_ id: UInt64) -> Bool {
        switch tracker.observe(id) {
        case .first, .inOrder, .late: break
        case .duplicate: return false
        case .gap(let from, let to): handle(.missed(from: from, to: to))
        case .counterReset(let from, let to): handle(.counterReset(from: from, to: to))
        }
        return true
    }

    // MARK: - Private

    private func openIfReady() {
        guard isSubscribed, client != nil, !gate.isOpen else { return }
        let waiting = gate.open()
        handle(.opened)
        readCounter(wasAsked: false)
        for send in waiting { transmit(send) }
    }

    private func close(reason: String) {
        guard gate.isOpen else { return }
        gate.lose(reason: reason)
        handle(.closed(reason: reason))
    }

    private static func ticks() -> Int64 {
        DotNetTicks(unixNanoseconds: Int64(clamping: SystemClock.realtime())).rawValue
    }
}
