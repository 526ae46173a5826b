import NIOCore
import NIOPosix
import Redis

/// Checks whether a Redis server answers.
enum RedisProbe {
    /// How long a server may be unavailable during a check, for a restart or a failover.
    private static let patience: Duration = .seconds(10)
    private static let pause: Duration = .seconds(1)

    /// - Throws: `RedisError`, which names the server and the remedy.
    static func require(_ redis: RedisConfiguration) async throws {
        let client = try await connect(redis)
        // INFO may be refused; the nodes then check the server themselves.
        let server = try? await client.serverInfo()
        await client.close()
        if let server, let objection = redis.objection(to: server, at: client.endpoint) { throw objection }
    }

    /// Runs `body`, and cancels it if the server stops answering: otherwise the steps of a check would wait minutes for
    /// their timeouts.
    ///
    /// - Parameters:
    ///   - channel: its counter is read meanwhile.
    ///   - onCounter: called with each value; nil if the key does not exist.
    /// - Throws: `RedisError` if the server was unavailable for too long; errors of `body`.
    static func whileAnswered<Value: Sendable>(
        by redis: RedisConfiguration, counter channel: String? = nil,
        onCounter: @escaping @Sendable (UInt64?) -> Void = { _ in },
        _ body: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        let question = Question(channel: channel, onCounter: onCounter)
        return try await withThrowingTaskGroup(of: Value.self) { group in
            group.addTask { try await body() }
            group.addTask { throw try await absence(of: redis, question) }
            defer { group.cancelAll() }
            guard let value = try await group.next() else { throw CancellationError() }
            return value
        }
    }

    /// - Returns: the number of subscribers of the channel at this server; nil if unknown.
    static func subscribers(of channel: String, at redis: RedisConfiguration) async -> Int64? {
        guard let client = try? await connect(redis) else { return nil }
        let reply = try? await client.send(["PUBSUB", "NUMSUB", .text(channel)])
        await client.close()
        return reply?.array?.last?.integer
    }

    /// The repeated query.
    private struct Question: Sendable {
        let channel: String?
        let onCounter: @Sendable (UInt64?) -> Void

        func ask(_ client: RedisClient) async throws {
            guard let channel else {
                try await client.send(["PING"])
                return
            }
            // An error reply (not permitted, or not a counter) is an answer too.
            switch try await client.ask(["GET", .text(channel)]) {
            case .null: onCounter(nil)
            case .bulk(let digits): if let id = UInt64(String(decoding: digits, as: UTF8.self)) { onCounter(id) }
            default: break
            }
        }
    }

    /// Returns when the server has been unavailable for too long.
    ///
    /// - Returns: why it cannot be reached.
    private static func absence(of redis: RedisConfiguration, _ question: Question) async throws -> RedisError {
        var lastAnswer = ContinuousClock.now
        while true {
            do {
                let client = try await connect(redis)
                lastAnswer = .now
                throw try await loss(of: client, question, &lastAnswer)
            } catch let error as RedisError {
                if ContinuousClock.now - lastAnswer >= patience { return error }
            }
            try await Task.sleep(for: pause)
        }
    }

    /// Polls the server.
    ///
    /// - Returns: why it no longer answers.
    private static func loss(
        of client: RedisClient, _ question: Question, _ lastAnswer: inout ContinuousClock.Instant
    ) async throws -> RedisError {
        // Do not wait for an answer when the check is over.
        try await withTaskCancellationHandler {
            do {
                while true {
                    try await question.ask(client)
                    lastAnswer = .now
                    try await Task.sleep(for: pause)
                }
            } catch {
                await client.close()
                guard let error = error as? RedisError else { throw error }
                return error
            }
        } onCancel: {
            Task { await client.close() }
        }
    }

    private static func connect(_ redis: RedisConfiguration) async throws -> RedisClient {
        // The login ends with a reply of the server, and limits the wait for it.
        try await RedisClient.connect(
            to: redis, eventLoopGroup: MultiThreadedEventLoopGroup.singleton, loginTimeout: .seconds(5))
    }
}
