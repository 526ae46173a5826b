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
    /// - Throws: `RedisError` if the server was away for too long; what `body` throws.
    static func whileAnswered<Value: Sendable>(
        by redis: RedisConfiguration, _ body: @escaping @Sendable () async throws -> Value
    ) async throws -> Value {
        try await withThrowingTaskGroup(of: Value.self) { group in
            group.addTask { try await body() }
            group.addTask { throw try await absence(of: redis) }
            defer { group.cancelAll() }
            guard let value = try await group.next() else { throw CancellationError() }
            return value
        }
    }

    /// Waits until the server has been away for too long.
    ///
    /// - Returns: why it cannot be reached.
    private static func absence(of redis: RedisConfiguration) async throws -> RedisError {
        var lastAnswer = ContinuousClock.now
        while true {
            do {
                let client = try await connect(redis)
                lastAnswer = .now
                throw try await loss(of: client, &lastAnswer)
            } catch let error as RedisError {
                if ContinuousClock.now - lastAnswer >= patience { return error }
            }
            try await Task.sleep(for: pause)
        }
    }

    /// Asks again and again.
    ///
    /// - Returns: why there is no answer any more.
    private static func loss(of client: RedisClient, _ lastAnswer: inout ContinuousClock.Instant) async throws
        -> RedisError
    {
        // An answer is not waited for when the check is over.
        try await withTaskCancellationHandler {
            do {
                while true {
                    try await Task.sleep(for: pause)
                    try await client.send(["PING"])
                    lastAnswer = .now
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
