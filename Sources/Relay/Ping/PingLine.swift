package import Backplane
import NIOConcurrencyHelpers
package import NIOCore
package import Redis
import Time

/// Two connections for backplane pings: one receives acks, the other publishes and queries. It publishes nothing but
/// ``CorePing``.
package final class PingLine: Sendable {
    private let ping: CorePing
    private let publisher: RedisClient
    private let listener: RedisClient
    private let state: NIOLockedValueBox<State>

    private struct State {
        var pending = PendingPings()
        /// Callers waiting for an ack, by ping; each is resumed once, with nanoseconds, or nil on timeout.
        var waiting: [Int32: CheckedContinuation<UInt64?, Never>] = [:]
        /// Acks that arrived before their ping's caller was waiting.
        var early: [Int32: UInt64] = [:]
        var hubs: Set<CoreHub> = []

        mutating func answered(_ id: Int32, at now: UInt64) -> (CheckedContinuation<UInt64?, Never>, UInt64)? {
            guard let duration = pending.answered(id, at: now) else { return nil }
            if let waiting = waiting.removeValue(forKey: id) { return (waiting, duration) }
            early[id] = duration
            return nil
        }
    }

    private init(ping: CorePing, publisher: RedisClient, listener: RedisClient, state: NIOLockedValueBox<State>) {
        self.ping = ping
        self.publisher = publisher
        self.listener = listener
        self.state = state
    }

    /// - Throws: `RedisError` if Redis cannot be reached or refuses.
    package static func connect(
        to redis: RedisConfiguration, eventLoopGroup: any EventLoopGroup
    ) async throws -> PingLine {
        let state = NIOLockedValueBox(State())
        let listener = try await RedisClient.connect(to: redis, eventLoopGroup: eventLoopGroup) { message in
            let now = Moment.now().monotonic
            guard let id = Self.acknowledged(message) else { return }
            let answered = state.withLockedValue { $0.answered(id, at: now) }
            if let (waiting, duration) = answered { waiting.resume(returning: duration) }
        }
        do {
            let publisher = try await RedisClient.connect(to: redis, eventLoopGroup: eventLoopGroup)
            return PingLine(ping: CorePing(), publisher: publisher, listener: listener, state: state)
        } catch {
            await listener.close()
            throw error
        }
    }

    /// The connection for other queries.
    package var client: RedisClient { publisher }

    /// Closes both connections; a ping that waits for its ack ends at its own timeout.
    package func close() async {
        await listener.close()
        await publisher.close()
    }

    /// Listens for the acks of these hubs' nodes.
    ///
    /// - Throws: `RedisError`
    package func listen(to hubs: [CoreHub]) async throws {
        for hub in hubs where state.withLockedValue({ !$0.hubs.contains(hub) }) {
            try await listener.send(["SUBSCRIBE", .bytes(ackChannel(hub))])
            state.withLockedValue { _ = $0.hubs.insert(hub) }
        }
        // Detects a dead connection: otherwise pings would appear to be unanswered. A refusal of the command is an answer.
        do { try await listener.send(["PING"]) } catch let error as RedisError where error.isRefusalOfCommand {}
    }

    /// Pings the node that holds a connection.
    ///
    /// - Parameters:
    ///   - hub: a hub passed to ``listen(to:)``.
    ///   - timeout: the longest wait for the ack.
    /// - Throws: `RedisError` if Redis refuses or the connection has failed.
    package func ping(_ hub: CoreHub, connection: String, timeout: Duration) async throws -> PingOutcome {
        let id = state.withLockedValue { $0.pending.hasRoom ? $0.pending.begin(at: Moment.now().monotonic) : nil }
        guard let id else { return .notSent }
        defer {
            state.withLockedValue {
                $0.pending.forget(id)
                $0.early[id] = nil
            }
        }
        try await publisher.send([
            "PUBLISH", .bytes(hub.channel(.groupCommand, [])), .bytes(ping.command(id: id, connection: connection)),
        ])
        if let duration = await answer(id, within: timeout) { return .answered(nanoseconds: duration) }
        return try await reason(hub, connection)
    }

    private func answer(_ id: Int32, within timeout: Duration) async -> UInt64? {
        let timer = Task {
            // On cancellation, continues at once and ends the wait.
            try? await Task.sleep(for: timeout)
            state.withLockedValue { $0.waiting.removeValue(forKey: id) }?.resume(returning: nil)
        }
        defer { timer.cancel() }
        return await withTaskCancellationHandler {
            await withCheckedContinuation { continuation in
                let early: UInt64?? = state.withLockedValue { state in
                    if let early = state.early.removeValue(forKey: id) { return .some(early) }
                    if Task.isCancelled { return .some(nil) }
                    state.waiting[id] = continuation
                    return nil
                }
                if let early { continuation.resume(returning: early) }
            }
        } onCancel: {
            timer.cancel()
        }
    }

    /// Determines why no ack arrived.
    private func reason(_ hub: CoreHub, _ connection: String) async throws -> PingOutcome {
        let channels = [hub.channel(.connection, Array(connection.utf8)), ackChannel(hub)]
        guard let counts = try await subscribers(channels) else { return .timedOut }
        return counts[0] == 0 ? .gone : counts[1] == 0 ? .notHeard : .timedOut
    }

    /// How many nodes are subscribed to the channel of a connection.
    ///
    /// - Returns: nil if Redis does not permit the question.
    /// - Throws: `RedisError` if the connection has failed.
    package func subscribers(of connection: String, _ hub: CoreHub) async throws -> Int64? {
        try await subscribers([hub.channel(.connection, Array(connection.utf8))])?.first
    }

    private func subscribers(_ channels: [[UInt8]]) async throws -> [Int64]? {
        do {
            let parts = try await publisher.send(["PUBSUB", "NUMSUB"] + channels.map { .bytes($0) }).array ?? []
            guard parts.count == 2 * channels.count else { return nil }
            return channels.indices.map { parts[2 * $0 + 1].integer ?? 0 }
        } catch let error as RedisError where error.isRefusalOfCommand {
            return nil
        }
    }

    private func ackChannel(_ hub: CoreHub) -> [UInt8] { hub.channel(.ack, Array(ping.server.utf8)) }

    /// - Returns: nil if the message is not an ack.
    private static func acknowledged(_ message: RESPValue) -> Int32? {
        guard let parts = message.array, parts.count == 3, case .bulk(let payload) = parts[2],
            case .ack(let id)? = try? CorePayload(decoding: payload, as: .ack)
        else { return nil }
        return id
    }
}

/// The outcome of a ping.
package enum PingOutcome: Sendable, Equatable {
    /// The ack arrived, this many nanoseconds after the PUBLISH.
    case answered(nanoseconds: UInt64)
    /// No ack, although a node is subscribed to the connection's channel.
    case timedOut
    /// No ack, and no node is subscribed to the connection's channel: the connection has ended.
    case gone
    /// No ack, because the relay's own subscription is gone.
    case notHeard
    /// Not sent, because too many pings are waiting.
    case notSent
}
