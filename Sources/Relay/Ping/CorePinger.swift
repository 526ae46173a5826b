import Backplane
import Logging
import NIOCore
import Preflight
import Redis

/// Pings nodes of the watched hubs of ASP.NET Core to measure the round trip through the backplane.
///
/// Publishes into the watched Redis, which otherwise only ``MarkerWatch`` does; runs only on request.
struct CorePinger: Sendable {
    /// The longest wait for an ack. Nodes themselves wait 30 s.
    static let longestWait = Duration.seconds(10)
    private static let retryDelay = Duration.seconds(5)

    private let redis: RedisConfiguration
    private let prefix: String
    private let interval: Duration
    private let limit: Int
    private let metrics: PingMetrics
    private let attached: AttachedChannels
    private let eventLoopGroup: any EventLoopGroup
    private let logger: Logger

    /// - Returns: nil if pings are not configured.
    init?(
        _ configuration: RelayConfiguration, _ metrics: PingMetrics?, context: RelayContext,
        eventLoopGroup: any EventLoopGroup
    ) {
        guard let interval = configuration.pingInterval, let core = configuration.core, let metrics else { return nil }
        var redis = configuration.redis
        redis.clientName += "-ping"
        self.redis = redis
        prefix = core.prefix
        self.interval = interval
        limit = configuration.maxChannelScan
        self.metrics = metrics
        attached = context.attached
        self.eventLoopGroup = eventLoopGroup
        logger = context.logger
    }

    /// Runs until the task is cancelled.
    func run() async {
        var isFailing = false
        var rounds = Rounds(scan: PacedChannelScan(pattern: [], limit: limit), sample: PingSample(prefix: prefix))
        while !Task.isCancelled {
            do {
                let line = try await PingLine.connect(to: try await master(), eventLoopGroup: eventLoopGroup)
                // Not once it is connected: a server that refuses PUBLISH would be logged at each attempt.
                let failure = await ping(over: line, &rounds) { isFailing = false }
                await line.close()
                if let failure { throw failure }
            } catch is CancellationError {
                return
            } catch {
                metrics.failed()
                if !isFailing {
                    logger.warning("cannot ping the nodes, trying again", metadata: ["cause": "\(error)"])
                }
                isFailing = true
                // On cancellation the loop condition ends it.
                try? await Task.sleep(for: Self.retryDelay)
            }
        }
    }

    /// A ping that is published at a replica reaches no node.
    private func master() async throws -> RedisConfiguration {
        let client = try await MasterSearch(redis, eventLoopGroup: eventLoopGroup).connect()
        let isCluster = client.answersForCluster
        await client.close()
        // The reply to PUBLISH counts only the subscribers of that node.
        if isCluster { throw RedisError.clusterMode(endpoint: client.endpoint) }
        var master = redis.pinned(to: client.server)
        master.use = .publish
        return master
    }

    /// State that is kept when a connection is replaced.
    private struct Rounds {
        var scan: PacedChannelScan
        var sample: PingSample
        var health = PingHealth()
        var isUnknown = false
        var attached: Set<CoreHub> = []
    }

    /// - Returns: the error of the failed connection.
    private func ping(
        over line: PingLine, _ rounds: inout Rounds, onRound: () -> Void
    ) async -> (any Error)? {
        do {
            while true {
                try Task.checkCancellation()
                try await round(line, &rounds)
                onRound()
                try await Task.sleep(for: interval)
            }
        } catch {
            return error
        }
    }

    private func round(_ line: PingLine, _ rounds: inout Rounds) async throws {
        let hubs = attached.watchedHubs
        for hub in hubs where rounds.attached.insert(hub).inserted { metrics.attach(hub) }
        try await line.listen(to: hubs)
        var generator = SystemRandomNumberGenerator()
        if rounds.scan.nextDelay == .zero {
            rounds.scan.pattern = rounds.sample.pattern(using: &generator)
            switch try await rounds.scan.look(line.client) {
            case .success(let names):
                rounds.isUnknown = false
                rounds.sample.found(names)
            case .failure(let reason):
                if !rounds.isUnknown {
                    logger.warning(
                        "nodes are not pinged: the connections of the hubs are unknown",
                        metadata: ["cause": "\(reason)"])
                }
                rounds.isUnknown = true
            }
        }
        guard !rounds.isUnknown else { return }
        let chosen = rounds.sample.choose(of: hubs, using: &generator)
        let outcomes = try await outcomes(chosen, line)
        for hub in hubs {
            let own = outcomes.filter { $0.hub == hub }
            note(hub, own.map { ($0.connection, $0.outcome) }, &rounds.health)
        }
    }

    private typealias Outcome = (hub: CoreHub, connection: String, outcome: PingOutcome)

    private func outcomes(_ chosen: [(hub: CoreHub, connection: String)], _ line: PingLine) async throws -> [Outcome] {
        let timeout = min(interval, Self.longestWait)
        return try await withThrowingTaskGroup(of: Outcome.self) { group in
            for (hub, connection) in chosen {
                group.addTask {
                    (hub, connection, try await line.ping(hub, connection: connection, timeout: timeout))
                }
            }
            return try await group.reduce(into: []) { $0.append($1) }
        }
    }

    private func note(
        _ hub: CoreHub, _ outcomes: [(connection: String, outcome: PingOutcome)], _ health: inout PingHealth
    ) {
        // After a cancellation, unanswered pings had too little time.
        guard !Task.isCancelled else { return }
        var silent: [String] = []
        var answered = 0
        for (connection, outcome) in outcomes {
            switch outcome {
            case .answered(let nanoseconds):
                answered += 1
                metrics.answered(hub, nanoseconds: nanoseconds)
            case .timedOut:
                silent.append(connection)
                metrics.timedOut(hub)
            case .gone, .notHeard, .notSent: break
            }
        }
        switch health.round(hub, answered: answered, timedOut: silent.count) {
        case .stopped:
            logger.warning(
                "a node does not answer the backplane ping: it does not receive from Redis, hangs, or cannot publish; look for the connection in the nodes' logs",
                metadata: [
                    "hub": "\(hub.topic)", "connection": "\(silent[0])", "unanswered": "\(silent.count)",
                    "answered": "\(answered)",
                ])
        case .recovered:
            logger.notice(
                "the backplane ping is answered again", metadata: ["hub": "\(hub.topic)", "answered": "\(answered)"])
        case nil: break
        }
    }
}
