package import Backplane
package import Capture
package import Logging
import NIOCore
import NIOPosix
package import Preflight
import Prometheus
package import Redis
import Synchronization

/// Passes on live envelopes of channels: a subscriber that stores nothing.
///
/// `AuditedSubscription` (event loop) -> `Intake` (bounded in bytes) -> `TailWorker` (separate thread) ->
/// ``TailOutput``. The socket is always drained: an output slower than the traffic costs envelopes, which are counted,
/// never Redis' memory.
package struct Tail: Sendable {
    private let redis: RedisConfiguration
    private let backplanes: [BackplaneChannel]
    private let core: CoreAttachment?
    private let selection: CaptureSelection
    private let limit: Int?
    private let duration: Duration?
    private let bufferBytes: Int
    private let maxChannelScan: Int
    private let logger: Logger

    /// - Parameters:
    ///   - backplanes: the initially followed channels: at least one, unless hubs are discovered.
    ///   - core: nil if nothing of ASP.NET Core is followed.
    ///   - selection: of the envelopes; its times are times of receipt.
    ///   - limit: ends it after this many envelopes; nil for no limit.
    ///   - duration: ends it after this time; nil for no limit.
    ///   - bufferBytes: memory for envelopes waiting for the output.
    ///   - maxChannelScan: maximum number of channels for which Redis is asked for names, if a channel has no other
    ///     subscribers.
    package init(
        redis: RedisConfiguration, backplanes: [BackplaneChannel], core: CoreAttachment? = nil,
        selection: CaptureSelection = .all, limit: Int? = nil, duration: Duration? = nil, bufferBytes: Int = 16 << 20,
        maxChannelScan: Int = ChannelScanPolicy.defaultLimit, logger: Logger
    ) {
        precondition((!backplanes.isEmpty || core?.findsHubs == true) && bufferBytes > 0)
        self.redis = redis
        self.backplanes = backplanes
        self.core = core
        self.selection = selection
        self.limit = limit
        self.duration = duration
        self.bufferBytes = bufferBytes
        self.maxChannelScan = maxChannelScan
        self.logger = logger
    }

    /// Runs until limit, duration or cancellation; then passes on what was received before.
    ///
    /// - Parameter makeOutput: called on the thread that uses the output, with an object that signals the stop.
    /// - Throws: `RedisError` if the first subscription fails for a permanent reason; errors of the output.
    package func run(to makeOutput: @escaping @Sendable (TailStop) -> any TailOutput) async throws -> TailReport {
        // Not exposed.
        let intake = Intake(limit: bufferBytes, metrics: IntakeMetrics(Registry()))
        let stop = TailStop()
        let thread = NIOThreadPool(numberOfThreads: 1)
        thread.start()
        let eventLoopGroup = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let attached = AttachedChannels(backplanes)
        let status = RelayStatus(records: false)
        let follower = HubFollower(
            redis: redis, attachment: core, limit: maxChannelScan, attached: attached,
            eventLoopGroup: MultiThreadedEventLoopGroup.singleton, logger: logger)
        if let hubs = await follower?.findFirst() { _ = attached.attach(hubs) }
        let working = Task { [selection, limit] in
            try await thread.runIfActive {
                TailWorker(attached, status, selection: selection, limit: limit, output: makeOutput(stop))
                    .run(from: intake)
            }
        }
        let subscribed = await subscribe(
            attached, status, follower, until: working, intake: intake, eventLoopGroup: eventLoopGroup)
        stop.request()
        intake.close()
        let (report, failure) = try await working.value
        try await thread.shutdownGracefully()
        try await eventLoopGroup.shutdownGracefully()
        try subscribed.get()
        if let failure { throw TailFailure(report: report, cause: failure) }
        return report
    }

    /// Returns when the first has ended: the subscription, the duration, the work, or this task.
    private func subscribe(
        _ attached: AttachedChannels, _ status: RelayStatus, _ follower: HubFollower?,
        until working: Task<(report: TailReport, failure: (any Error)?), any Error>, intake: Intake,
        eventLoopGroup: MultiThreadedEventLoopGroup
    ) async -> Result<Void, any Error> {
        // A stopped tail does not wait for a last comparison.
        let subscription = AuditedSubscription(
            redis: redis, attached: attached, includesConnections: core?.includesConnections ?? false,
            reader: CounterReader(redis: redis, channels: attached.keys, eventLoopGroup: eventLoopGroup),
            intake: intake, eventLoopGroup: eventLoopGroup, looksAtStop: false, logger: logger)
        let (ended, end) = AsyncStream<Void>.makeStream()
        let watching = Task {
            _ = await working.result
            end.finish()
        }
        let hinting = Task { [redis, maxChannelScan, logger] in
            await ChannelHint.once(
                redis: redis, channels: attached.keys, limit: maxChannelScan,
                eventLoopGroup: MultiThreadedEventLoopGroup.singleton, logger: logger)
        }
        defer {
            watching.cancel()
            hinting.cancel()
        }
        return await withTaskGroup(of: Result<Void, any Error>.self) { group in
            group.addTask { await Result { try await subscription.run() } }
            let link = LinkWatch(
                redis: redis, subscription: subscription,
                context: RelayContext(attached: attached, registry: Registry(), status: status, logger: logger))
            group.addTask {
                await link.run()
                return .success(())
            }
            if let follower {
                group.addTask {
                    await Result {
                        await follower.follow { change in
                            switch change {
                            case .found(let hubs):
                                let indexes = attached.attach(hubs)
                                guard !indexes.isEmpty else { return }
                                intake.command(.attach(indexes))
                                await subscription.join(indexes)
                            case .returned(let hubs): await subscription.rejoin(attached.reattach(hubs))
                            case .gone(let hubs): await subscription.leave(attached.leave(hubs))
                            }
                        }
                    }
                }
            }
            // A stream ends when its task is cancelled, unlike a task's value.
            group.addTask { await Result { for await _ in ended {} } }
            if let duration { group.addTask { await Result { try await Task.sleep(for: duration) } } }
            let first = await group.next() ?? .success(())
            group.cancelAll()
            await group.waitForAll()
            return first
        }
    }
}

/// The output of a ``Tail``. Confined to one thread; it may block, because traffic waits in a bounded buffer.
///
/// Any error ends the output.
package protocol TailOutput {
    /// A selected envelope. Its payload is valid during the call.
    mutating func envelope(_ envelope: CapturedEnvelope) throws
    /// A subscription event, in its place among the envelopes.
    ///
    /// - Parameter time: nanoseconds since 1970.
    mutating func event(_ event: CaptureEvent, at time: UInt64) throws
    /// Everything received so far was passed. Called at least twice a second, even without traffic.
    mutating func flush() throws
    /// Nothing more follows.
    mutating func finish() throws
}

extension TailOutput {
    /// By default only passes on what is still buffered.
    package mutating func finish() throws { try flush() }
}

/// The result of a ``Tail``.
package struct TailReport: Sendable, Equatable {
    /// Envelopes passed on.
    package internal(set) var envelopes = 0
    /// Envelopes received but not passed on because the output was slower than the traffic, and their payload bytes.
    /// They were not checked against the selection.
    package internal(set) var droppedEnvelopes = 0
    /// Payload bytes of these envelopes.
    package internal(set) var droppedBytes = 0
}

/// The output of a ``Tail`` failed.
package struct TailFailure: Error, CustomStringConvertible {
    /// The result until then; envelopes waiting at the failure count as dropped.
    package let report: TailReport
    /// The error of the output.
    package let cause: any Error

    package var description: String { "\(cause)" }
}

/// Signals to a blocked output that a ``Tail`` is stopping.
package final class TailStop: Sendable {
    private let flag = Atomic(false)

    /// No stop is requested yet.
    package init() {}

    /// True once the tail is stopping: a blocked output should give up. Thread-safe.
    package var isRequested: Bool { flag.load(ordering: .acquiring) }

    func request() { flag.store(true, ordering: .releasing) }
}

extension Result where Success == Void, Failure == any Error {
    /// Cancellation of the body is not a failure.
    fileprivate init(_ body: () async throws -> Void) async {
        do {
            try await body()
            self = .success(())
        } catch is CancellationError {
            self = .success(())
        } catch {
            self = .failure(error)
        }
    }
}
