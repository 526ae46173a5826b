import Backplane
import Capture
import Logging
import NIOConcurrencyHelpers
import NIOCore
import NIOPosix
import Prometheus
package import Redis
package import Relay
import Synchronization
package import Time

/// Publishes what a relay receives into another Redis immediately, with ids of that Redis.
///
/// The relay never waits for it: `ForwardQueue` copies or refuses a batch. Envelopes sent but not confirmed are not
/// sent again, so the target receives each envelope at most once.
package final class Forwarder: RelayConsumer {
    /// Time limit for the remaining envelopes when stopping.
    private static let lastTry: TimeAmount = .seconds(5)

    let target: RedisConfiguration
    private let logger: Logger
    private let metrics: ForwardMetrics
    private let queue: ForwardQueue
    let places: NIOLockedValueBox<LoopGuard>
    /// The watched replica follows another master, which the target may be: its history, known from the login, may have
    /// changed with its first replica.
    private let isTargetStale = Atomic(false)
    /// Waiting time of the envelope confirmed last, in nanoseconds.
    private let lastWait = NIOLockedValueBox<UInt64>(0)
    private let log: NIOLockedValueBox<EventLog>
    private let attached: AttachedChannels

    /// - Parameters:
    ///   - source: the configured address of the watched Redis.
    ///   - route: maps watched event keys and hubs to those at the target.
    ///   - bufferBytes: memory for waiting envelopes.
    package init(
        from source: RedisConfiguration, to target: RedisConfiguration, route: ForwardRoute, bufferBytes: Int,
        context: RelayContext
    ) {
        self.target = target
        attached = context.attached
        logger = context.logger
        log = NIOLockedValueBox(EventLog(context.logger))
        metrics = ForwardMetrics(context.registry, channels: context.attached.all, limit: bufferBytes)
        queue = ForwardQueue(limit: bufferBytes)
        places = NIOLockedValueBox(
            LoopGuard(
                source: .init(endpoint: source.endpoint), target: .init(endpoint: target.endpoint),
                channels: context.attached.all, route: route))
        context.registry.onScrape { [metrics, queue, lastWait] in
            metrics.queueBytes.set(Double(queue.bytes))
            let wait = queue.oldest.map { Moment.now().monotonic - $0 } ?? lastWait.withLockedValue { $0 }
            metrics.lag.set(Double(wait) * 1e-9)
        }
    }

    // MARK: - On the recorder's thread

    /// Queues a batch, or counts it as dropped if the queue is full; takes note of the server that the relay is
    /// subscribed to.
    package func consume(_ event: RelayEvent, at now: Moment) {
        switch event {
        case .batch(let batch):
            if !queue.offer(batch) { drop(.bufferFull, batch.count, "the target is away or too slow") }
        case .subscribed(let subscription):
            places.withLockedValue {
                $0.source = .init(
                    runID: subscription.server?.identity, history: subscription.server?.history,
                    isReplica: subscription.role != .master, master: subscription.master,
                    endpoint: subscription.endpoint)
            }
        // The master of the replica may be the target now.
        case .replica(.moved(let master, let history)):
            places.withLockedValue {
                $0.source.isReplica = true
                $0.source.master = master
                if let history { $0.source.history = history }
            }
            isTargetStale.store(true, ordering: .releasing)
        default: break
        }
    }

    // MARK: - On tasks of its own

    /// Never ends by itself: problems of the target must not end the recording. Configuration errors are refused before
    /// the relay starts, by ``ForwardCheck``.
    package func run() async {
        var backoff = ReconnectBackoff()
        var random = SystemRandomNumberGenerator()
        var isStopped = false
        var refusal: ScriptRefusal?
        while !Task.isCancelled {
            do {
                try await withClient { client in
                    let client = try await accepted(client)
                    if let known = refusal, try await !ScriptRefusal.canBeAsked(client) { throw known }
                    refusal = nil
                    isStopped = false
                    backoff.reset()
                    try await forward(through: client) { [queue] in await queue.waitForMore() }
                }
            } catch let error as ForwardError {
                if Task.isCancelled { return }
                metrics.errors.increment()
                if !isStopped {
                    logger.error(
                        "forwarding has stopped, recording continues",
                        metadata: ["target": "\(target.endpoint)", "cause": "\(error)"])
                }
                isStopped = true
                discard()
            } catch let error as ScriptRefusal {
                if Task.isCancelled { return }
                metrics.errors.increment()
                if refusal == nil {
                    logger.error(
                        "forwarding has stopped, recording continues",
                        metadata: ["target": "\(target.endpoint)", "cause": "\(error)"])
                }
                refusal = error
                discard(.refused, "the target does not permit it")
            } catch {
                if Task.isCancelled { return }
                metrics.errors.increment()
                logger.warning(
                    "cannot forward, trying again",
                    metadata: ["target": "\(target.endpoint)", "cause": "\(error)", "waiting": "\(queue.count)"])
            }
            // On cancellation the loop condition ends it.
            try? await Task.sleep(for: backoff.next(using: &random))
        }
    }

    /// Drops all waiting envelopes. By default because the target is the watched server, which already has them.
    private func discard(
        _ reason: ForwardMetrics.DropReason = .loop, _ cause: String = "the target is the server that is watched"
    ) {
        var count = 0
        while let (batch, _) = queue.take() { count += batch.count }
        if count > 0 { drop(reason, count, cause) }
    }

    /// Waits until the accepted envelopes are published or lost, up to a time limit.
    package func finish() async {
        if queue.oldest != nil {
            let rest = Task {
                try await withClient(within: Self.lastTry) {
                    try await forward(through: try await accepted($0), waitForMore: nil)
                }
            }
            let limit = Task {
                try await Task.sleep(for: .nanoseconds(Self.lastTry.nanoseconds))
                rest.cancel()
            }
            if case .failure(let error) = await rest.result {
                logger.warning("cannot forward the remaining envelopes", metadata: ["cause": "\(error)"])
            }
            limit.cancel()
        }
        if queue.count > 0 { drop(.stopped, queue.count, "the relay stops") }
        log.withLockedValue { $0.flush(at: .max) }
    }

    private func withClient(
        within timeout: TimeAmount? = nil, _ body: (RedisClient) async throws -> Void
    ) async throws {
        let client = try await RedisClient.connect(
            to: target, eventLoopGroup: MultiThreadedEventLoopGroup.singleton, loginTimeout: timeout)
        let result: Result<Void, any Error>
        do {
            try await body(client)
            result = .success(())
        } catch {
            result = .failure(error)
        }
        metrics.up.set(0)
        await client.close()
        try result.get()
    }

    /// Runs until the connection fails, the task is cancelled, or nothing is left and there is nothing to wait for.
    private func forward(through client: RedisClient, waitForMore: (() async -> Void)?) async throws {
        // Without event keys its script needs no permission. Only hubs are attached while the relay runs.
        let needsScript = attached.all.contains { $0.dialect == .signalR2 }
        var script =
            needsScript
            ? try await client.load(script: BackplaneScript.republish) : RedisScript(source: "", sha1: "")
        metrics.up.set(1)
        logger.info("forwarding", metadata: ["target": "\(client.endpoint)"])
        while !Task.isCancelled {
            guard let (batch, since) = queue.take() else {
                guard let waitForMore else { return }
                await waitForMore()
                continue
            }
            if isTargetStale.exchange(false, ordering: .acquiringAndReleasing) {
                do { try await refresh(client) } catch {
                    drop(.uncertain, batch.count, "the connection was lost")
                    throw error
                }
            }
            let all = attached.all
            metrics.attach(all)
            let places = places.withLockedValue { places in
                places.attach(all)
                return places
            }
            if let objection = places.objection {
                drop(.loop, batch.count, "the target is the server that is watched")
                throw objection
            }
            let due = ForwardedBatch(batch, places, sha1: script.sha1)
            count(due)
            for chunk in due.chunks { try await send(chunk, through: client, &script) }
            lastWait.withLockedValue { $0 = Moment.now().monotonic - since }
        }
    }

    /// Counts envelopes of a batch that are not forwarded.
    private func count(_ batch: ForwardedBatch) {
        for (kind, count) in batch.leftOut { metrics.leave(out: kind, count) }
        if batch.undecodable > 0 { drop(.undecodable, batch.undecodable, "not SignalR envelopes") }
        if batch.returned > 0 { drop(.loop, batch.returned, "they come from the target: another relay forwards back") }
    }

    private func send(_ chunk: ForwardChunk, through client: RedisClient, _ script: inout RedisScript) async throws {
        var due = Array(chunk.channels.indices)
        while !due.isEmpty {
            let answers = await chunk.send(due, through: client)
            var refusal: String?
            var lost: RedisError?
            var uncertain = 0
            var again: [Int] = []
            for (index, answer) in zip(due, answers) {
                switch answer {
                case .success(.error(let text)) where text.hasPrefix("NOSCRIPT"): again.append(index)
                case .success(.error(let text)):
                    metrics.drop(.refused)
                    refusal = text
                case .success:
                    metrics.confirmed(channel: chunk.channels[index])
                case .failure(let error):
                    uncertain += 1
                    lost = error
                }
            }
            if let refusal {
                metrics.errors.increment()
                try refused(refusal, at: client.endpoint)
            }
            if let lost {
                drop(.uncertain, uncertain, "the connection was lost before the answer")
                throw lost
            }
            due = again
            guard !again.isEmpty else { return }
            // The scripts were flushed: no script behind this one has run.
            script = try await client.load(script: BackplaneScript.republish)
        }
    }

    /// - Throws: if a new connection may reach a server that accepts it.
    private func refused(_ text: String, at endpoint: String) throws {
        let error = RedisError.from(reply: text, command: "EVALSHA", endpoint: endpoint, user: target.aclUser)
        if case .readOnly = error { throw error }
        if let refusal = ScriptRefusal(text, at: endpoint, user: target.aclUser) { throw refusal }
        log.withLockedValue {
            $0.write(
                .error, "the forward target refuses envelopes", kind: "refused", at: Moment.now().monotonic,
                ["cause": "\(error)"])
        }
    }

    private func drop(_ reason: ForwardMetrics.DropReason, _ count: Int, _ cause: String) {
        metrics.drop(reason, count)
        log.withLockedValue {
            $0.write(
                .warning, "not forwarded", kind: reason.rawValue, at: Moment.now().monotonic,
                ["envelopes": "\(count)", "reason": "\(reason.rawValue)", "cause": "\(cause)"])
        }
    }
}
