import Backplane
import NIOCore
import NIOPosix
import Redis

/// Runs a replay over as many connections as needed.
struct ReplayAttempts {
    /// Limit of consecutive attempts without progress.
    private static let hopeless = 60

    let run: ReplayRun
    let target: RedisConfiguration
    let options: ReplayOptions
    let control: ReplayControl
    /// Whether publishing to a server found later is allowed.
    let check: @Sendable (ReplayTarget) -> ReplayError?
    let group: any EventLoopGroup
    let thread: NIOThreadPool

    /// - Parameters:
    ///   - client: the first connection; closed when this returns.
    ///   - found: its server.
    ///   - onRetry: called with each failure that is retried.
    /// - Throws: ``ReplayError/stopped(_:cause:)``, `RedisError`, `CaptureError`.
    func carryOut(
        over client: RedisClient, to found: ReplayTarget, onRetry: @Sendable (String) -> Void
    ) async throws -> ReplayReport {
        var first: (RedisClient, ReplayTarget)? = (client, found)
        var backoff = ReconnectBackoff(limit: .seconds(5))
        var random = SystemRandomNumberGenerator()
        var inVain = 0
        while true {
            let before = run.account.progress.confirmed
            let failure = try await attempt(first)
            first = nil
            guard let failure else { return run.report }
            if run.account.progress.confirmed > before {
                inVain = 0
                backoff.reset()
            }
            inVain += 1
            guard failure.isPassing, options.retries, inVain < Self.hopeless, !control.isStopped else {
                run.fail(failure.cause)
                throw ReplayError.stopped(run.report, cause: failure.cause)
            }
            onRetry(failure.cause)
            try await pause(backoff.next(using: &random))
        }
    }

    /// Why an attempt ended early.
    private struct Failure {
        var cause: String
        /// A retry may succeed.
        var isPassing: Bool
    }

    /// - Returns: nil if everything is done, or it was stopped.
    private func attempt(_ known: (RedisClient, ReplayTarget)?) async throws -> Failure? {
        let client: RedisClient
        do {
            client =
                if let known { known.0 } else {
                    try await RedisClient.connect(to: target, eventLoopGroup: group)
                }
        } catch let error as RedisError {
            return Failure(cause: error.description, isPassing: error.isTransient)
        }
        do {
            let ending = try await attempt(through: client, known?.1)
            await client.close()
            guard case .failed(let outcome) = ending else { return nil }
            return failure(of: outcome, at: client.endpoint)
        } catch let error as RedisError {
            await client.close()
            return Failure(cause: error.description, isPassing: error.isTransient)
        } catch {
            await client.close()
            throw error
        }
    }

    private func attempt(through client: RedisClient, _ known: ReplayTarget?) async throws -> ReplayRun.Ending {
        let found: ReplayTarget
        if let known {
            found = known
        } else {
            // Another server may be at this address now.
            found = try await ReplayTarget.look(client, of: target, channels: run.targetChannels)
            let refused = try await thread.runIfActive { [check] in check(found) }
            if let refused { throw refused }
        }
        try await restoreCounter(through: client)
        // Without SignalR 2 envelopes its script needs no permission.
        let script =
            run.targetChannels.isEmpty
            ? RedisScript(source: "", sha1: "") : try await client.load(script: scriptText)
        guard options.isTracked else {
            run.resume(known: nil, at: found.identity)
            return try await thread.runIfActive { try run.attempt(through: client, script: script) }
        }
        let publish = run.targetHubs.isEmpty ? nil : try await client.load(script: ReplayScript.publish)
        let key = RESPArgument.text(run.account.progressKey)
        run.resume(known: try await client.send(["GET", key]).text.flatMap { Int($0) }, at: found.identity)
        // Before the checkpoint file is created: a file without this key means that the target has lost its data.
        try await client.send(["SET", key, "\(run.account.progress.confirmed)", "EX", "\(ReplayScript.memory)"])
        let ending = try await thread.runIfActive {
            try run.attempt(through: client, script: script, publish: publish)
        }
        if case .finished = ending { _ = try? await client.send(["DEL", key]) }
        return ending
    }

    /// As nodes do after a reconnect: a Redis without its counter must not assign ids a second time.
    private func restoreCounter(through client: RedisClient) async throws {
        // With several event keys it is unknown which one the last id belongs to.
        guard options.ids == .reissue, run.targetChannels.count == 1, let lastID = run.account.lastID else { return }
        do {
            try await client.send([
                "EVAL", .text(BackplaneScript.restore), "1", .text(run.targetChannels[0]), "\(lastID)",
            ])
        } catch let error as RedisError where error.isRefusalOfCommand {
            // Then ids restart.
        }
    }

    private var scriptText: String {
        switch options.ids {
        case .reissue: ReplayScript.reissue(isTracked: options.isTracked)
        case .rebase, .preserve: ReplayScript.numbered(isTracked: options.isTracked, isForced: options.forcesIDs)
        }
    }

    private func failure(of outcome: PublishWindow.Outcome, at endpoint: String) -> Failure {
        guard let refusal = outcome.refusal else {
            return Failure(cause: outcome.failure ?? "unknown", isPassing: outcome.loss?.isTransient ?? false)
        }
        if let remedy = ReplayScript.remedy(for: refusal) {
            return Failure(cause: "\(endpoint) refused an envelope: \(refusal); \(remedy)", isPassing: false)
        }
        let channels = run.targetChannels + run.targetHubs.map { Self.aclPattern(of: $0) }
        let error = RedisError.from(
            reply: refusal, command: run.targetChannels.isEmpty && !options.isTracked ? "PUBLISH" : "EVALSHA",
            endpoint: endpoint, user: target.aclUser,
            names: refusal.contains("channel")
                ? channels : run.targetChannels + (options.isTracked ? [run.account.progressKey] : []))
        // The scripts were flushed: the next connection loads ours again.
        return Failure(cause: error.description, isPassing: error.isTransient || refusal.hasPrefix("NOSCRIPT"))
    }

    /// All channels of the hub, as an ACL pattern.
    private static func aclPattern(of hub: CoreHub) -> String {
        String(decoding: RedisGlob.escaped(hub.root), as: UTF8.self) + ":*"
    }

    /// Ends early when the replay is stopped.
    private func pause(_ duration: Duration) async throws {
        let end = ContinuousClock.now + duration
        while ContinuousClock.now < end, !control.isStopped { try await Task.sleep(for: .milliseconds(20)) }
    }
}

/// The scripts that the target runs for each envelope in one atomic step, so that ids stay dense and ascending.
///
/// `KEYS[1]` is the event key. A tracked script also has `KEYS[2]`, the number of published envelopes of this replay,
/// and accepts envelopes only in that order: nothing is published after a refused one, and a new connection knows where
/// to resume.
///
/// The part that takes an id and publishes is that of `BackplaneScript`.
enum ReplayScript {
    /// How long the target keeps the record, in seconds.
    static let memory = 7 * 86_400

    /// `ARGV`: blob, and the ordinal if tracked. Replies `{id, receivers}`.
    static func reissue(isTracked: Bool) -> String {
        guard isTracked else { return BackplaneScript.republish }
        return inOrder(ordinal: 2)
            + """
            local newId = redis.call('INCR', KEYS[1])
            local receivers = redis.call('PUBLISH', KEYS[1], newId .. ' ' .. ARGV[1])
            \(remember(ordinal: 2))
            return {newId, receivers}
            """
    }

    /// Publishes with a given id, and sets the counter to it. `ARGV`: payload, id, and the ordinal if tracked.
    ///
    /// - Parameter isForced: even if the counter is not below the id.
    static func numbered(isTracked: Bool, isForced: Bool) -> String {
        let check = """
            local current = tonumber(redis.call('GET', KEYS[1]) or '0')
            if current >= tonumber(ARGV[2]) then
                return redis.error_reply('COUNTER ' .. KEYS[1] .. ' is at ' .. current .. ', not below ' .. ARGV[2])
            end

            """
        return (isTracked ? inOrder(ordinal: 3) : "") + (isForced ? "" : check)
            + """
            redis.call('SET', KEYS[1], ARGV[2])
            local receivers = redis.call('PUBLISH', KEYS[1], ARGV[1])
            \(isTracked ? remember(ordinal: 3) : "")
            return {tonumber(ARGV[2]), receivers}
            """
    }

    /// Publishes an unchanged envelope of ASP.NET Core, which has no counter. `KEYS[1]` is the number of published
    /// envelopes of this replay. `ARGV`: Redis channel, payload and ordinal. Replies the number of receivers.
    static let publish =
        inOrder(ordinal: 3, key: 1)
            + """
            local receivers = redis.call('PUBLISH', ARGV[1], ARGV[2])
            \(remember(ordinal: 3, key: 1))
            return receivers
            """

    /// The remedy for an error raised by the scripts; nil for other errors.
    static func remedy(for reply: String) -> String? {
        switch reply.prefix(while: { $0 != " " }) {
        case "COUNTER":
            "something else publishes there, or did: stop it, or let the counter assign the ids"
        case "ORDER": "the same checkpoint is in use by another replay: wait until it ends"
        default: nil
        }
    }

    private static func inOrder(ordinal: Int, key: Int = 2) -> String {
        """
        local at = redis.call('GET', KEYS[\(key)])
        if at and tonumber(at) ~= tonumber(ARGV[\(ordinal)]) - 1 then
            return redis.error_reply('ORDER ' .. at .. ' published, so ' .. ARGV[\(ordinal)] .. ' is not the next')
        end

        """
    }

    private static func remember(ordinal: Int, key: Int = 2) -> String {
        "redis.call('SET', KEYS[\(key)], ARGV[\(ordinal)], 'EX', \(memory))"
    }
}
