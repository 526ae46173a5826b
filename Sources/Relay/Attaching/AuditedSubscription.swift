import Backplane
import Capture
import Logging
import NIOConcurrencyHelpers
import NIOCore
import Redis
import ServiceLifecycle

/// Maintains the subscription, and compares the counters with the received ids: at each subscription, when a replica has
/// its link to the master again, and before it ends.
///
/// The counters are read first; then the reply to a PING on the subscription shows that everything assigned by then
/// must have arrived. So envelopes in flight do not count as lost, and losses are known without waiting for the next
/// id.
struct AuditedSubscription: Sendable {
    /// When stopping: the longest wait for data that Redis has not sent yet.
    static let drainTimeout = Duration.seconds(5)

    private let reader: CounterReader
    private let intake: Intake
    private let subscriber: RedisSubscriber
    /// nil if the relay only subscribes.
    private let tap: RelayTap?
    /// nil if no markers are published.
    private let markers: MarkerWatch?
    private let attached: AttachedChannels
    private let includesConnections: Bool
    private let looksAtStop: Bool
    private let logger: Logger
    private let subscriptions: AsyncStream<Void>
    private let subscribed: AsyncStream<Void>.Continuation

    /// - Parameters:
    ///   - eventLoopGroup: for the subscription alone, so that nothing else delays its socket.
    ///   - looksAtStop: whether to compare the counters when stopping too, which may take seconds.
    ///   - tap: carries the channels instead as soon as it can.
    ///   - markers: compare the server's count of PUBLISH with what arrives; nil with a tap.
    init(
        redis: RedisConfiguration, attached: AttachedChannels, includesConnections: Bool, reader: CounterReader,
        intake: Intake, eventLoopGroup: any EventLoopGroup, looksAtStop: Bool = true, tap: RelayTap? = nil,
        markers: MarkerWatch? = nil, logger: Logger
    ) {
        self.tap = tap
        self.markers = markers
        self.includesConnections = includesConnections
        self.attached = attached
        self.looksAtStop = looksAtStop
        self.logger = logger
        self.reader = reader
        self.intake = intake
        let (subscriptions, subscribed) = AsyncStream<Void>.makeStream(bufferingPolicy: .bufferingNewest(1))
        self.subscriptions = subscriptions
        self.subscribed = subscribed
        subscriber = RedisSubscriber(
            configuration: redis,
            names: attached.all.enumerated().flatMap { $1.names(index: $0, connections: includesConnections) },
            header: .coreRecord, title: { attached.title }, eventLoopGroup: eventLoopGroup,
            sink: tap?.subscriptionSink ?? markers?.sink ?? intake, logger: logger,
            onSubscribed: { subscribed.yield() })
        tap?.onAttached { subscribed.yield() }
    }

    /// Subscribes to discovered hubs while running.
    func join(_ indexes: some Sequence<Int>) async {
        let channels = attached.all
        for index in indexes {
            let names = channels[index].names(index: index, connections: includesConnections)
            let joined: @Sendable () -> Void = { [intake] in intake.command(.joined(index)) }
            tap?.namesWillChange()
            var outcome = await subscriber.add(names, joined)
            if let change = await tap?.add(names, joined) { outcome = change }
            let metadata: Logger.Metadata = ["hub": "\(channels[index].name)"]
            switch outcome {
            case .confirmed: logger.notice("subscribed to a discovered hub", metadata: metadata)
            case .later: break
            case .refused(let reason):
                logger.error(
                    "cannot subscribe to a discovered hub, so it is not watched; check the ACL of the relay's user",
                    metadata: metadata.merging(["cause": "\(reason)"]) { first, _ in first })
            }
        }
    }

    /// Subscribes again to hubs that were left.
    func rejoin(_ indexes: [Int]) async {
        for index in indexes { intake.command(.reattach(index)) }
        await join(indexes)
    }

    /// Ends the subscriptions to discovered hubs, which have no nodes.
    func leave(_ indexes: [Int]) async {
        let channels = attached.all
        for index in indexes {
            let names = channels[index].names(index: index, connections: includesConnections)
            tap?.namesWillChange()
            var outcome = await subscriber.remove(names.map(\.key))
            if let change = await tap?.remove(names.map(\.key)) { outcome = change }
            intake.command(.left(index))
            let metadata: Logger.Metadata = ["hub": "\(channels[index].name)"]
            logger.notice("a hub has no nodes and is no longer watched until a node comes", metadata: metadata)
            if case .refused(let reason) = outcome {
                logger.warning(
                    "Redis refuses to end the subscription to the hub, so its patterns stay until the relay reconnects",
                    metadata: metadata.merging(["cause": "\(reason)"]) { first, _ in first })
            }
        }
    }

    /// Inserts an event from outside the subscription into the stream; thread-safe.
    func note(_ event: CaptureEvent) { intake.command(.note(event)) }

    /// Inserts news about the replica subscribed to into the stream; thread-safe. What is missing is found out at once.
    func tell(_ news: ReplicaNews) {
        intake.command(.replica(news))
        switch news {
        case .linkRestored, .resynced: subscribed.yield()
        case .linkLost, .moved: break
        }
    }

    /// The server of the confirmed subscription; nil while there is none. Thread-safe.
    var server: RedisEndpoint? { subscriber.server }

    /// Leaves the server for the one to use now; thread-safe.
    func leaveForMaster() {
        subscriber.leaveForMaster()
        tap?.leave()
    }

    /// Records a server's replication report; thread-safe.
    func heard(_ report: ReplicationReport, from endpoint: String) { tap?.heard(report, from: endpoint) }

    /// Runs until cancellation or graceful shutdown.
    ///
    /// - Throws: see ``RedisSubscriber/run()``.
    func run() async throws {
        // Separate tasks: they are ended only after the counters have been compared.
        let reading = Task { if let tap { try await tap.run(subscriber) } else { try await subscriber.run() } }
        let auditing = Task {
            for await _ in subscriptions { _ = await look(through: subscriber, isLast: false) }
        }
        let marking = Task { await markers?.run(subscriber) }
        let finishing = NIOLockedValueBox<Task<[CounterReading]?, Never>?>(nil)
        let outcome = await withTaskCancellationOrGracefulShutdownHandler {
            await reading.result
        } onCancelOrGracefulShutdown: {
            guard looksAtStop else { return reading.cancel() }
            finishing.withLockedValue { task in
                if task == nil { task = Task { await finish(subscriber, reading) } }
            }
        }
        auditing.cancel()
        marking.cancel()
        await marking.value
        subscribed.finish()
        // After everything from the subscription.
        if let task = finishing.withLockedValue({ $0 }), let counters = await task.value {
            intake.counters(CounterReadings(counters: counters, isFenced: false, isLast: true))
        }
        await auditing.value
        try outcome.get()
    }

    /// The final comparison, then the end of the subscription.
    ///
    /// - Returns: the counters, unless they are already in the intake.
    private func finish(_ subscriber: RedisSubscriber, _ reading: Task<Void, any Error>) async -> [CounterReading]? {
        let late = Task {
            try await Task.sleep(for: CounterReader.timeout + Self.drainTimeout)
            // This also ends the wait for the PONG.
            reading.cancel()
        }
        defer {
            late.cancel()
            reading.cancel()
        }
        return await look(through: subscriber, isLast: true)
    }

    /// - Returns: the counters, if the connection did not deliver everything in time.
    private func look(through subscriber: RedisSubscriber, isLast: Bool) async -> [CounterReading]? {
        // A replica may lag behind its master: its own counter fits what it has delivered.
        let counters = await reader.read(at: subscriber.server)
        let passed: @Sendable () -> Void = {
            intake.counters(CounterReadings(counters: counters, isFenced: true, isLast: isLast))
        }
        let isFenced = await fence(passed)
        return isFenced ? nil : counters
    }

    /// Waits until what carries the channels has delivered everything; see ``RedisSubscriber/fence(_:)``.
    private func fence(_ passed: @escaping @Sendable () -> Void) async -> Bool {
        guard let tap else { return await subscriber.fence(passed) }
        if tap.isCarrying { return await tap.fence(passed) }
        let isTold = NIOLockedValueBox(false)
        let isPassed = await subscriber.fence {
            // If the link has taken over meanwhile, it has yet to deliver what the subscription delivered last.
            guard !tap.isCarrying else { return }
            isTold.withLockedValue { $0 = true }
            passed()
        }
        if isTold.withLockedValue({ $0 }) { return true }
        return isPassed ? await tap.fence(passed) : false
    }
}

extension BackplaneChannel {
    /// The names to subscribe to.
    ///
    /// - Parameters:
    ///   - index: of its envelopes in a batch.
    ///   - connections: for a hub, include messages to single connections: see ``CoreWatch``.
    func names(index: Int, connections: Bool) -> [SubscribedName] {
        switch self {
        case .signalR2(let key): [SubscribedName(channel: key, index: index)]
        case .core(let hub): CoreWatch(hub, connections: connections).names(index: index)
        }
    }
}

extension CoreWatch {
    fileprivate func names(index: Int) -> [SubscribedName] {
        channels.map { SubscribedName(channel: $0, index: index, keepsName: true) }
            + beginnings.map { SubscribedName(pattern: $0.pattern, beginning: $0.beginning, index: index) }
    }
}

extension MessageHeader {
    /// Turns a message of ASP.NET Core into a ``CoreRecord``, which includes the Redis channel.
    static let coreRecord = MessageHeader(
        count: { CoreRecord.headerCount(channel: $0, payload: $1) },
        write: { CoreRecord.writeHeader(channel: $0, payloadCount: $1, to: $2) })
}
