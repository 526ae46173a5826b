public import Capture
import NIOCore
import NIOPosix
public import Redis

/// Publishes a capture into another Redis, in the captured order and pace.
///
/// The way of an envelope: `CaptureReader` -> `ReplaySchedule` (when) -> `EnvelopeRewriter`, `IDRebase` (as what)
/// -> `CommandBatch` -> `PublishWindow` (what is under way) -> `ReplayCheckpoint` (what is done).
public struct Replayer: Sendable {
    /// The longest wait between attempts, and the number of attempts in a row that bring nothing on.
    private static let hopeless = 60

    private let capture: CaptureReader
    private let target: RedisConfiguration
    private let options: ReplayOptions
    private let hostName: String
    private let control: ReplayControl

    /// - Parameters:
    ///   - hostName: of this machine, for telling whether a loopback address is the source's.
    ///   - control: pauses, speeds up or stops it.
    public init(
        capture: CaptureReader, target: RedisConfiguration, options: ReplayOptions = ReplayOptions(),
        hostName: String = "", control: ReplayControl = ReplayControl()
    ) {
        self.capture = capture
        self.target = target
        self.options = options
        self.hostName = hostName
        self.control = control
    }

    /// Replays what is selected, whoever listens.
    ///
    /// - Throws: ``ReplayError``, `RedisError`, `CaptureError`.
    public func run() async throws -> ReplayReport {
        guard let report = try await run(approving: { _, _ in true }) else { throw ReplayError.empty }
        return report
    }

    /// Replays what is selected, once that is approved.
    ///
    /// - Parameters:
    ///   - approve: is shown what will be done and where, before anything is published; false ends it.
    ///   - progress: of the reading before that.
    ///   - onRetry: told of each failure that is tried again.
    /// - Returns: nil if it was not approved.
    /// - Throws: ``ReplayError``, `RedisError`, `CaptureError`.
    public func run(
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
            result = .success(try await run(forecast, approve, onRetry, group, thread))
        } catch {
            result = .failure(error)
        }
        try await thread.shutdownGracefully()
        try await group.shutdownGracefully()
        return try result.get()
    }

    private func run(
        _ forecast: ReplayForecast, _ approve: @Sendable (ReplayForecast, ReplayTarget) async throws -> Bool,
        _ onRetry: @Sendable (String) -> Void, _ group: any EventLoopGroup, _ thread: NIOThreadPool
    ) async throws -> ReplayReport? {
        guard forecast.envelopes > 0 || forecast.skipped > 0 else { throw ReplayError.empty }
        let client = try await RedisClient.connect(to: target, eventLoopGroup: group)
        let run: ReplayRun
        do {
            let found = try await ReplayTarget.look(client, channels: Set(forecast.channels.values).sorted())
            // ROLE does not tell it.
            if found.server?.mode == "cluster" { throw RedisError.clusterMode(endpoint: found.endpoint) }
            let checkpoint = try checkpoint(at: found)
            let isBeginning = checkpoint.confirmed == 0
            let objection =
                ReplayGuard.objection(
                    to: found, sources: capture.sources(), channels: forecast.channels, host: hostName, options: options
                )
                ?? (isBeginning
                    ? ReplayGuard.objectionToIDs(of: found, firstIDs: forecast.firstIDs, options: options) : nil)
            if let objection { throw objection }
            guard try await approve(forecast, found) else {
                await client.close()
                return nil
            }
            run = ReplayRun(
                capture: capture, options: options, targetChannels: Set(forecast.channels.values).sorted(),
                checkpoint: checkpoint, control: control)
        } catch {
            await client.close()
            throw error
        }
        return try await attempts(of: run, first: client, onRetry, group, thread)
    }

    private func checkpoint(at found: ReplayTarget) throws -> ReplayCheckpoint {
        let segments = capture.segments.map { $0.path.split(separator: "/").last.map(String.init) ?? $0.path }
        if let path = options.checkpoint, let checkpoint = try ReplayCheckpoint.read(path) {
            if let reason = checkpoint.mismatch(segments: segments, options: options.fingerprint) {
                throw ReplayError.checkpoint(path: path, reason: reason)
            }
            return checkpoint
        }
        return ReplayCheckpoint(
            token: String(UInt64.random(in: 0...UInt64.max), radix: 36), segments: segments,
            options: options.fingerprint, counters: found.counters)
    }

    // MARK: - Attempts

    private func attempts(
        of run: ReplayRun, first: RedisClient, _ onRetry: @Sendable (String) -> Void, _ group: any EventLoopGroup,
        _ thread: NIOThreadPool
    ) async throws -> ReplayReport {
        var client: RedisClient? = first
        var backoff = ReconnectBackoff(limit: .seconds(5))
        var random = SystemRandomNumberGenerator()
        var inVain = 0
        while true {
            let before = run.sentIDs.confirmed
            var failure: any Error
            do {
                let connected: RedisClient
                if let client {
                    connected = client
                } else {
                    connected = try await RedisClient.connect(to: target, eventLoopGroup: group)
                }
                defer { client = nil }
                let ending: ReplayRun.Ending
                do {
                    ending = try await attempt(run, through: connected, thread)
                } catch {
                    await connected.close()
                    throw error
                }
                await connected.close()
                guard case .failed(let outcome) = ending else { return run.report }
                failure = error(of: outcome, run)
                guard options.retries, canPass(outcome, run) else { throw Final(error: failure) }
            } catch let final as Final {
                throw final.error
            } catch let error as RedisError where options.retries && error.isTransient {
                failure = error
            }
            if run.sentIDs.confirmed > before {
                inVain = 0
                backoff.reset()
            }
            inVain += 1
            guard inVain < Self.hopeless, !control.isStopped else { throw failure }
            onRetry("\(failure)")
            try await Task.sleep(for: backoff.next(using: &random))
        }
    }

    /// Is not tried again.
    private struct Final: Error { let error: any Error }

    private func attempt(
        _ run: ReplayRun, through client: RedisClient, _ thread: NIOThreadPool
    ) async throws -> ReplayRun.Ending {
        let script = try await client.load(script: scriptText)
        guard options.isTracked else {
            return try await thread.runIfActive { try run.attempt(through: client, script: script) }
        }
        let known = try await client.send(["GET", .text(run.progressKey)]).text.flatMap { Int($0) }
        run.resolve(published: known)
        try await client.send([
            "SET", .text(run.progressKey), "\(run.sentIDs.confirmed)", "EX", "\(ReplayScript.memory)",
        ])
        let ending = try await thread.runIfActive { try run.attempt(through: client, script: script) }
        if case .finished = ending { _ = try? await client.send(["DEL", .text(run.progressKey)]) }
        return ending
    }

    private var scriptText: String {
        switch options.ids {
        case .reissue: ReplayScript.reissue(isTracked: options.isTracked)
        case .rebase, .preserve: ReplayScript.numbered(isTracked: options.isTracked, isForced: options.forcesIDs)
        }
    }

    private func canPass(_ outcome: PublishWindow.Outcome, _ run: ReplayRun) -> Bool {
        if let refusal = outcome.refusal { return typed(refusal, run).isTransient }
        return outcome.loss?.isTransient ?? false
    }

    private func error(of outcome: PublishWindow.Outcome, _ run: ReplayRun) -> ReplayError {
        .stopped(
            confirmed: outcome.confirmed, lastID: run.sentIDs.lastConfirmed, behind: outcome.confirmedBehindFailure,
            cause: outcome.refusal.map { typed($0, run).description } ?? outcome.failure ?? "unknown")
    }

    private func typed(_ reply: String, _ run: ReplayRun) -> RedisError {
        .from(
            reply: reply, command: "EVALSHA", endpoint: target.endpoint, user: target.aclUser,
            names: run.targetChannels + (options.isTracked ? [run.progressKey] : []))
    }
}
