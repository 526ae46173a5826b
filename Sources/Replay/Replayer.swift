import Backplane
package import Capture
import NIOCore
import NIOPosix
package import Redis

/// Publishes a capture into another Redis, in the captured order and pace.
///
/// The path of an envelope: `CaptureReader` -> `ReplayPacer` (when) -> `EnvelopeComposer` (bytes) -> `ReplaySender`
/// (batching) -> `PublishWindow` (in flight) -> `ReplayAccount` (done).
package struct Replayer: Sendable {
    private let capture: CaptureReader
    private let target: RedisConfiguration
    private let options: ReplayOptions
    private let hostName: String
    private let control: ReplayControl

    /// - Parameters:
    ///   - hostName: of this machine, to decide whether a loopback address is the source's.
    ///   - control: pauses, changes the speed or stops it.
    package init(
        capture: CaptureReader, target: RedisConfiguration, options: ReplayOptions = ReplayOptions(),
        hostName: String = "", control: ReplayControl = ReplayControl()
    ) {
        self.capture = capture
        self.target = target
        self.options = options
        self.hostName = hostName
        self.control = control
    }

    /// Replays the selection, whether or not the target has subscribers.
    ///
    /// - Throws: ``ReplayError``, `RedisError`, `CaptureError`.
    package func run() async throws -> ReplayReport {
        guard let report = try await run(approving: { _, _ in true }) else { throw ReplayError.empty }
        return report
    }

    /// Replays the selection after approval.
    ///
    /// - Parameters:
    ///   - approve: receives the forecast and the target before anything is published; false cancels.
    ///   - progress: of reading the capture before that.
    ///   - onRetry: called with each failure that is retried.
    /// - Returns: nil if it was not approved.
    /// - Throws: ``ReplayError``, `RedisError`, `CaptureError`.
    package func run(
        approving approve: @Sendable (ReplayForecast, ReplayTarget) async throws -> Bool,
        progress: (@Sendable (CaptureProgress) -> Void)? = nil,
        onRetry: @escaping @Sendable (_ cause: String) -> Void = { _ in }
    ) async throws -> ReplayReport? {
        if capture.sources().contains(where: { $0.payload == .none }) { throw ReplayError.withoutPayload }
        let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
        let thread = NIOThreadPool(numberOfThreads: 1)
        thread.start()
        let result: Result<ReplayReport?, any Error>
        do {
            let forecast = try await thread.runIfActive {
                try ReplayForecast(of: capture, options: options, progress: progress)
            }
            guard forecast.envelopes > 0 || forecast.skipped > 0 || !forecast.core.refused.isEmpty else {
                if !forecast.core.leftOut.isEmpty { throw ReplayError.allLeftOut(forecast.core.leftOut) }
                throw ReplayError.empty
            }
            if let objection = forecast.objection(to: options) { throw objection }
            let client = try await RedisClient.connect(to: target, eventLoopGroup: group)
            do {
                result = .success(try await run(forecast, client, approve, onRetry, group, thread))
            } catch {
                await client.close()
                throw error
            }
        } catch {
            result = .failure(error)
        }
        try await thread.shutdownGracefully()
        try await group.shutdownGracefully()
        return try result.get()
    }

    private func run(
        _ forecast: ReplayForecast, _ client: RedisClient,
        _ approve: @Sendable (ReplayForecast, ReplayTarget) async throws -> Bool,
        _ onRetry: @Sendable (String) -> Void, _ group: any EventLoopGroup, _ thread: NIOThreadPool
    ) async throws -> ReplayReport? {
        let channels = Set(forecast.channels.values.map { OrdinalName($0) }).sorted().map(\.text)
        let hubs = forecast.core.targets
        let found = try await ReplayTarget.look(client, of: target, channels: channels, hubs: hubs)
        let account = try await account(at: found, through: client)
        // Resolves names, which blocks.
        let check = makeCheck(forecast)
        if let objection = try await thread.runIfActive({ check(found) }) { throw objection }
        if account.saved == 0,
            let objection = makeGuard(forecast).objection(toIDsAt: found, firstIDs: forecast.firstIDs)
        {
            throw objection
        }
        guard try await approve(forecast, found) else {
            await client.close()
            return nil
        }
        let run = ReplayRun(
            capture: capture, options: options, targetChannels: channels, targetHubs: hubs, account: account,
            control: control)
        let attempts = ReplayAttempts(
            run: run, target: target, options: options, control: control, check: check, group: group, thread: thread)
        return try await attempts.carryOut(over: client, to: found, onRetry: onRetry)
    }

    private func makeGuard(_ forecast: ReplayForecast) -> ReplayGuard {
        ReplayGuard(
            sources: capture.sources(), runIDs: forecast.runIDs, histories: forecast.histories,
            channels: forecast.channels, hubs: forecast.core.topics, options: options, host: hostName)
    }

    private func makeCheck(_ forecast: ReplayForecast) -> @Sendable (ReplayTarget) -> ReplayError? {
        { [self] found in
            var check = makeGuard(forecast)
            check.ownAddresses = HostAddresses.current().own
            check.resolve = HostAddresses.resolve
            return check.objection(to: found)
        }
    }

    private func account(at found: ReplayTarget, through client: RedisClient) async throws -> ReplayAccount {
        let segments = capture.segments.map { $0.path.split(separator: "/").last.map(String.init) ?? $0.path }
        guard let path = options.checkpoint, let checkpoint = try ReplayCheckpoint.read(path) else {
            let fresh = ReplayCheckpoint(
                token: String(UInt64.random(in: 0...UInt64.max), radix: 36), target: found.identity,
                segments: segments, options: options.fingerprint, counters: found.counters)
            return ReplayAccount(fresh, isResumed: false, path: options.checkpoint)
        }
        if let reason = checkpoint.mismatch(segments: segments, options: options.fingerprint) {
            throw ReplayError.checkpoint(path: path, reason: reason)
        }
        let account = ReplayAccount(checkpoint, isResumed: true, path: path)
        let isKnown = try await client.send(["EXISTS", .text(account.progressKey)]).integer == 1
        if let reason = checkpoint.mismatch(target: found.identity, isKnown: isKnown) {
            throw ReplayError.checkpoint(path: path, reason: reason)
        }
        return account
    }
}
