import Logging
import NIOCore

/// Decides when a tap must leave its server.
struct TapWatch: Sendable {
    let configuration: RedisConfiguration
    let server: RedisEndpoint
    let facts: TapFacts
    let eventLoopGroup: any EventLoopGroup
    let logger: Logger
    /// An element each time that the server may be stopping.
    let stops: AsyncStream<Void>
    /// An element each time that the server has sent nothing for a long time.
    let silences: AsyncStream<Void>
    /// Whether the tap has everything that the server has executed.
    let isCurrent: @Sendable () async -> Bool

    /// Waits until there is a reason.
    ///
    /// - Returns: nil if the task is cancelled.
    func causeToLeave() async -> DisconnectCause? {
        await withTaskGroup(of: DisconnectCause?.self) { group in
            group.addTask { await isReplaced() ? .failover : nil }
            group.addTask { await isStopping() ? .serverStopping : nil }
            group.addTask { await isSilent() ? .noAnswer : nil }
            defer { group.cancelAll() }
            for await cause in group where cause != nil && !Task.isCancelled { return cause }
            return nil
        }
    }

    /// With sentinels: as soon as they name another master, if this was one.
    private func isReplaced() async -> Bool {
        guard configuration.sentinelMaster != nil, !facts.isReplica else { return false }
        let sentinels = Sentinels(configuration: configuration, eventLoopGroup: eventLoopGroup)
        await SentinelWatch(sentinels: sentinels, logger: logger).waitForSuccessor(of: server)
        return !Task.isCancelled
    }

    private func isStopping() async -> Bool {
        await StopWatch(
            configuration: configuration, server: server, loop: eventLoopGroup.next(), suspicions: stops
        ).waitForStop(facts: facts)
    }

    /// A replica without a link to its master has nothing to send, and there is nothing to miss.
    private func isSilent() async -> Bool {
        var silence = silences.makeAsyncIterator()
        while await silence.next() != nil {
            guard await isCurrent() else { return !Task.isCancelled }
        }
        return false
    }
}
