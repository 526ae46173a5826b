import Backplane
import Logging
import NIOConcurrencyHelpers
import NIOCore
import Preflight
import Prometheus
import Redis
import Time

/// Receives the channels of a relay from the replication stream of its Redis: begins with the subscription, lets the
/// link take over, and returns to the subscription if the link must be given up.
///
/// Performs what ``TapCourse`` decides; ``TapSeam`` finds where the two meet.
final class RelayTap: Sendable {
    private enum Message: Sendable {
        case seam(TapSeam.Event)
        case subscriptionEnded(Result<Void, any Error>)
        ///   - attempt: the number of the link.
        case linkEnded(any Error, attempt: Int)
        case ambiguous(attempt: Int)
        case namesChanged
        case retry
    }

    /// Interval of the events that record how far the stream was received.
    private static let noteInterval = Duration.seconds(60)

    private let policy: TapPolicy
    private let redis: RedisConfiguration
    private let attached: AttachedChannels
    private let includesConnections: Bool
    private let eventLoopGroup: any EventLoopGroup
    private let intake: Intake
    private let metrics: TapMetrics
    private let logger: Logger
    private let seam: TapSeam
    private let inbox: AsyncStream<Message>
    private let messages: AsyncStream<Message>.Continuation
    /// The current link.
    private let link = NIOLockedValueBox<ReplicationTap?>(nil)
    private let lastFullSync = FullSyncTime()
    private let headroom = NIOLockedValueBox(TapHeadroom())
    private let attachedHook = NIOLockedValueBox<@Sendable () -> Void>({})

    /// - Parameter eventLoopGroup: of the subscription.
    /// - Returns: nil if the relay only subscribes.
    init?(_ parts: RelayParts, eventLoopGroup: any EventLoopGroup) {
        guard let policy = parts.configuration.tap, let metrics = parts.tap else { return nil }
        self.policy = policy
        self.metrics = metrics
        redis = parts.configuration.redis
        attached = parts.context.attached
        logger = parts.context.logger
        includesConnections = parts.configuration.core?.includesConnections ?? false
        intake = parts.intake
        self.eventLoopGroup = eventLoopGroup
        let (inbox, messages) = AsyncStream<Message>.makeStream()
        (self.inbox, self.messages) = (inbox, messages)
        seam = TapSeam(intake: parts.intake, metrics: metrics) { messages.yield(.seam($0)) }
        parts.context.registry.onScrape { [seam, link] in
            let link = link.withLockedValue { $0 }
            if let link { metrics.count(link.figures) }
            metrics.show(isCarrying: seam.isLinked && link?.figures.isAttached == true, position: link?.position)
        }
    }

    /// - Parameter body: called after the link has taken over, and whenever it has attached again; must not block.
    func onAttached(_ body: @escaping @Sendable () -> Void) { attachedHook.withLockedValue { $0 = body } }

    /// Receives the messages of the subscription.
    var subscriptionSink: any EnvelopeSink { seam.subscriptionSink }

    // MARK: - While the link carries the channels

    /// True if the subscription has ended because the link carries the channels.
    var isCarrying: Bool { seam.isLinked }

    /// As ``RedisSubscriber/fence(_:)``; notes how far the stream was received.
    func fence(_ body: @escaping @Sendable () -> Void) async -> Bool {
        guard let link = link.withLockedValue({ $0 }) else { return false }
        return await link.fence { [intake] in
            body()
            if let position = link.position { intake.command(.tap(.reached(position))) }
        }
    }

    /// Call before the subscription gets other names, and ``add(_:_:)`` or ``remove(_:)`` after it.
    func namesWillChange() { seam.hold() }

    /// Discovered hubs are watched from here on.
    ///
    /// - Parameter body: as in ``ReplicationTap/add(_:_:)``.
    /// - Returns: nil if the subscription carries the channels.
    func add(
        _ names: [SubscribedName], _ body: @escaping @Sendable () -> Void
    ) async -> RedisSubscriber.Change? {
        guard let link = current() else { return nil }
        return await link.add(names, body)
    }

    /// Hubs are not watched from here on; see ``add(_:_:)``.
    func remove(_ names: [SubscribedName.Key]) async -> RedisSubscriber.Change? {
        guard let link = current() else { return nil }
        return await link.remove(names)
    }

    private func current() -> ReplicationTap? {
        if seam.isLinked, let link = link.withLockedValue({ $0 }) { return link }
        messages.yield(.namesChanged)
        return nil
    }

    /// Leaves the server for the one to use now.
    func leave() { if seam.isLinked { link.withLockedValue { $0 }?.leaveForAnother() } }

    /// - Parameter report: the server's current replication report.
    func heard(_ report: ReplicationReport, from endpoint: String) {
        let position = seam.isLinked ? link.withLockedValue { $0 }?.position : nil
        let now = Moment.now().monotonic
        metrics.show(headroom.withLockedValue { $0.look(report, position: position, at: now) })
    }

    // MARK: - Running

    /// The running parts.
    private struct Tasks {
        var subscription: Task<Void, Never>?
        var link: Task<Void, Never>?
        var others: [Task<Void, Never>] = []
        var attempt = 0
        var lastError: (any Error)?
    }

    /// Runs until the task is cancelled.
    ///
    /// - Throws: `TapError` or `RedisError` if the link is refused and the policy does not allow to fall back; as
    ///   ``RedisSubscriber/run()``.
    func run(_ subscriber: RedisSubscriber) async throws {
        var tasks = Tasks()
        var course = TapCourse(mayFallBack: policy.mayFallBack)
        var failure: (any Error)?
        start(subscriber, &tasks)
        let notes = Task { await noteProgress() }
        receiving: for await message in inbox {
            if case .subscriptionEnded(.failure(let error)) = message {
                failure = error
                break
            }
            if case .seam(.attached) = message {
                if seam.isLinked { tellAttached() } else { startBounding(subscriber, &tasks) }
            }
            guard let input = input(of: message, &tasks) else { continue }
            for action in course.handle(input) {
                guard action != .fail else {
                    failure = tasks.lastError
                    break receiving
                }
                await perform(action, subscriber, &tasks)
            }
            if input == .takenOver {
                logTakeover()
                tellAttached()
            }
        }
        notes.cancel()
        for task in [tasks.subscription, tasks.link].compactMap(\.self) + tasks.others { task.cancel() }
        await tasks.subscription?.value
        await tasks.link?.value
        if let failure { throw failure }
    }

    private func input(of message: Message, _ tasks: inout Tasks) -> TapCourse.Input? {
        switch message {
        case .seam(.subscribed): return .subscribed
        case .seam(.subscriptionLost): return .subscriptionLost
        case .seam(.takenOver): return .takenOver
        case .seam(.unusable): return .unusable
        case .seam(.attached), .subscriptionEnded: return nil
        case .namesChanged: return .namesChanged
        case .retry: return .retry
        case .ambiguous(let attempt): return attempt == tasks.attempt ? .ambiguous : nil
        case .linkEnded(let error, let attempt):
            guard attempt == tasks.attempt else { return nil }
            tasks.lastError = error
            let (interval, elapsed) = (policy.limits.fullSyncInterval, lastFullSync.elapsed)
            return TapCourse.Input(
                failure: error, mayFallBack: policy.mayFallBack, fullSyncInterval: interval, sinceFullSync: elapsed)
        }
    }

    private func perform(_ action: TapCourse.Action, _ subscriber: RedisSubscriber, _ tasks: inout Tasks) async {
        switch action {
        case .startSubscription: start(subscriber, &tasks)
        case .stopSubscription: tasks.subscription?.cancel()
        case .startLink: startLink(&tasks)
        case .stopLink: stopLink(&tasks)
        case .takeOverAnyway:
            if seam.takeOverAnyway() {
                logger.warning(
                    "the replication stream took over at a place where equal messages follow each other: some may be recorded twice"
                )
            } else {
                messages.yield(.seam(.unusable))
            }
        case .retry(let time):
            tasks.others.append(
                Task { [messages] in
                    try? await Task.sleep(for: time)
                    if !Task.isCancelled { messages.yield(.retry) }
                })
        case .reportFallback:
            logger.error(
                "the replication stream cannot be read; the relay subscribes instead",
                metadata: ["cause": "\(tasks.lastError.map { "\($0)" } ?? Self.mismatch)"])
            tasks.lastError = nil
        case .fail: break
        }
    }

    private static let mismatch =
        "the stream and the subscription do not show the same messages; do they come from the same server?"

    private func start(_ subscriber: RedisSubscriber, _ tasks: inout Tasks) {
        let last = tasks.subscription
        tasks.subscription = Task { [messages] in
            await last?.value
            do {
                try await subscriber.run()
                messages.yield(.subscriptionEnded(.success(())))
            } catch {
                messages.yield(.subscriptionEnded(.failure(error)))
            }
        }
    }

    private func startLink(_ tasks: inout Tasks) {
        tasks.attempt += 1
        let (last, attempt) = (tasks.link, tasks.attempt)
        let (all, left) = (attached.all, attached.left)
        let names = all.indices.filter { !left.contains($0) }
            .flatMap { all[$0].names(index: $0, connections: includesConnections) }
        let sink = seam.join()
        let new = ReplicationTap(
            configuration: redis, names: names, header: .coreRecord, title: { [attached] in attached.title },
            limits: policy.limits, lastFullSync: lastFullSync, eventLoopGroup: eventLoopGroup, sink: sink,
            observer: sink, logger: logger)
        if let old = link.withLockedValue({ $0 }) { metrics.count(old.figures) }
        metrics.began()
        link.withLockedValue { $0 = new }
        tasks.link = Task { [messages] in
            await last?.value
            do {
                try await new.run()
            } catch {
                if !Task.isCancelled { messages.yield(.linkEnded(error, attempt: attempt)) }
            }
        }
    }

    private func stopLink(_ tasks: inout Tasks) {
        tasks.attempt += 1
        tasks.link?.cancel()
        for task in tasks.others { task.cancel() }
        tasks.others = []
        if seam.isLinked {
            seam.giveUp(at: link.withLockedValue { $0 }?.position)
        } else {
            seam.withdraw()
        }
    }

    private func startBounding(_ subscriber: RedisSubscriber, _ tasks: inout Tasks) {
        guard let link = link.withLockedValue({ $0 }) else { return }
        let (bounding, attempt) = (SeamBounding(seam: seam, subscriber: subscriber, link: link), tasks.attempt)
        tasks.others.append(
            Task { [messages] in if await bounding.run() { messages.yield(.ambiguous(attempt: attempt)) } })
    }

    private func tellAttached() { attachedHook.withLockedValue { $0 }() }

    private func logTakeover() {
        guard let link = link.withLockedValue({ $0 }) else { return }
        logger.notice(
            "the relay now reads the replication stream; the subscription has ended",
            metadata: [
                "channels": "\(attached.title)", "offset": "\(link.position.map { "\($0.offset)" } ?? "unknown")",
                "sync": link.figures.fullSyncs > 0 ? "full" : "none",
            ])
    }

    private func noteProgress() async {
        while !Task.isCancelled {
            try? await Task.sleep(for: Self.noteInterval)
            guard !Task.isCancelled, seam.isLinked, let position = link.withLockedValue({ $0 })?.position else {
                continue
            }
            intake.command(.tap(.reached(position)))
        }
    }
}
