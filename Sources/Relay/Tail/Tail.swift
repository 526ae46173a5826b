package import Backplane
package import Capture
package import Logging
import NIOCore
import NIOPosix
package import Preflight
import Prometheus
package import Redis
import Synchronization

/// Hands out live what comes on channels: a subscriber that stores nothing.
///
/// `AuditedSubscription` (event loop) -> `Intake` (bounded in bytes) -> `TailWorker` (own thread) -> ``TailOutput``. The socket
/// is always drained: an output that is slower than the traffic costs envelopes, which are counted, never Redis' memory.
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
    ///   - backplanes: what is followed from the start: at least one, unless hubs are looked for.
    ///   - core: nil where nothing of ASP.NET Core is followed.
    ///   - selection: of the envelopes; its times are those of receipt.
    ///   - limit: ends it after that many envelopes handed out; nil for no limit.
    ///   - duration: ends it after this time; nil for no end.
    ///   - bufferBytes: memory for envelopes that wait for the output.
    ///   - maxChannelScan: channels of the Redis up to which it is asked for their names, where nobody listens to one.
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

    /// Runs until limit, duration or cancellation end it; then hands out what was received before.
    ///
    /// - Parameter makeOutput: called on the thread that uses the output. It is given what tells it that the end has come.
    /// - Throws: `RedisError` if the first subscription fails for a reason that time does not heal; what the output throws.
    package func run(to makeOutput: @escaping @Sendable (TailStop) -> any TailOutput) async throws -> TailReport {
        // Nobody scrapes it.
        let intake = Intake(limit: bufferBytes, metrics: IntakeMetrics(Registry()))
        let stop = TailStop()
        let thread = NIOThreadPool(numberOfThreads: 1)
        thread.start()
        let eventLoopGroup = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let attached = AttachedChannels(backplanes)
        let follower = core.map { core in
            HubFollower(
                redis: redis, attachment: core, limit: maxChannelScan, attached: attached,
                eventLoopGroup: MultiThreadedEventLoopGroup.singleton, logger: logger)
        }
        if let hubs = await follower?.findFirst() { _ = attached.attach(hubs) }
        let working = Task { [selection, limit] in
            try await thread.runIfActive {
                TailWorker(attached, selection: selection, limit: limit, output: makeOutput(stop)).run(from: intake)
            }
        }
        let subscribed = await subscribe(
            attached, follower, until: working, intake: intake, eventLoopGroup: eventLoopGroup)
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
        _ attached: AttachedChannels, _ follower: HubFollower?,
        until working: Task<(report: TailReport, failure: (any Error)?), any Error>, intake: Intake,
        eventLoopGroup: MultiThreadedEventLoopGroup
    ) async -> Result<Void, any Error> {
        // Whoever stops a tail does not wait for a last look.
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
            if let follower {
                group.addTask {
                    await Result {
                        await follower.follow { hubs in
                            let indexes = attached.attach(hubs)
                            guard !indexes.isEmpty else { return }
                            intake.command(.attach(indexes))
                            await subscription.join(indexes)
                        }
                        // Not the first that ends: it has nothing to look for.
                        try await Task.sleep(for: .seconds(86_400 * 365))
                    }
                }
            }
            // A stream ends when its task is cancelled, as a task's value does not.
            group.addTask { await Result { for await _ in ended {} } }
            if let duration { group.addTask { await Result { try await Task.sleep(for: duration) } } }
            let first = await group.next() ?? .success(())
            group.cancelAll()
            await group.waitForAll()
            return first
        }
    }
}

/// Where a ``Tail`` hands out what comes. One thread's; it may block, the traffic waits in a bounded buffer.
///
/// Whatever is thrown ends the handing out.
package protocol TailOutput {
    /// One envelope that is selected. Its payload is valid during the call.
    mutating func envelope(_ envelope: CapturedEnvelope) throws
    /// What befell the subscription, in its place among the envelopes.
    ///
    /// - Parameter time: nanoseconds since 1970.
    mutating func event(_ event: CaptureEvent, at time: UInt64) throws
    /// All that is here was handed out. Called at least twice a second, also if nothing came.
    mutating func flush() throws
    /// Nothing more will be handed out.
    mutating func finish() throws
}

extension TailOutput {
    package mutating func finish() throws { try flush() }
}

/// How a ``Tail`` went.
package struct TailReport: Sendable, Equatable {
    /// Envelopes handed out.
    package internal(set) var envelopes = 0
    /// Envelopes that were received, but not handed out because the output was slower than the traffic, and their payload
    /// bytes. Whether they were selected nobody looked.
    package internal(set) var droppedEnvelopes = 0
    package internal(set) var droppedBytes = 0
}

/// The output of a ``Tail`` failed.
package struct TailFailure: Error, CustomStringConvertible {
    /// How it had gone; what waited at the failure counts as dropped.
    package let report: TailReport
    /// What the output threw.
    package let cause: any Error

    package var description: String { "\(cause)" }
}

/// Says that a ``Tail`` comes to its end, to an output that waits for its reader.
package final class TailStop: Sendable {
    private let flag = Atomic(false)

    package init() {}

    package var isRequested: Bool { flag.load(ordering: .acquiring) }

    func request() { flag.store(true, ordering: .releasing) }
}

extension Result where Success == Void, Failure == any Error {
    /// A cancelled body has not failed.
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
