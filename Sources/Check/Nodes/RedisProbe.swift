import NIOCore
import NIOPosix
import Redis

/// Asks whether a Redis server answers.
enum RedisProbe {
    /// How long a server may be away during a check: it restarts, or a replica takes its place.
    private static let patience: Duration = .seconds(10)
    private static let pause: Duration = .seconds(1)

    /// - Throws: `RedisError`, which names the server and the remedy.
    static func require(_ redis: RedisConfiguration) async throws {
        try await connect(redis).close()
    }

    /// Runs `body` for as long as the server answers. Without it most of what a check does just waits: each call for its
    /// answer, again and again, which adds up to minutes.
    ///
    /// - Parameters:
    ///   - channel: whose counter is read meanwhile.
    ///   - onCounter: told each value of it; nil for a key that does not exist.
    /// - Throws: `RedisError` if the server was away for too long; what `body` throws.
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

    /// - Returns: how many subscribe to the channel at this server; nil if it does not tell.
    static func subscribers(of channel: String, at redis: RedisConfiguration) async -> Int64? {
        guard let client = try? await connect(redis) else { return nil }
        let reply = try? await client.send(["PUBSUB", "NUMSUB", .text(channel)])
        await client.close()
        return reply?.array?.last?.integer
    }

    /// What the server is asked, again and again.
    private struct Question: Sendable {
        let channel: String?
        let onCounter: @Sendable (UInt64?) -> Void

        func ask(_ client: RedisClient) async throws {
            guard let channel else {
                try await client.send(["PING"])
                return
            }
            // An error reply (not permitted, or no counter) is an answer all the same.
            switch try await client.ask(["GET", .text(channel)]) {
            case .null: onCounter(nil)
            case .bulk(let digits): if let id = UInt64(String(decoding: digits, as: UTF8.self)) { onCounter(id) }
            default: break
            }
        }
    }

    /// Waits until the server has been away for too long.
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

    /// Asks again and again.
    ///
    /// - Returns: why there is no answer any more.
    private static func loss(
        of client: RedisClient, _ question: Question, _ lastAnswer: inout ContinuousClock.Instant
    ) async throws -> RedisError {
        // An answer is not waited for when the check is over.
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
        // The login ends with an answer of the server, and bounds the wait for it.
        try await RedisClient.connect(
            to: redis, eventLoopGroup: MultiThreadedEventLoopGroup.singleton, loginTimeout: .seconds(5))
    }
}
