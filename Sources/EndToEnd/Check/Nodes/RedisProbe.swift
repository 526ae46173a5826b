import NIOCore
import NIOPosix
import Redis

/// Asks whether a Redis server answers.
enum RedisProbe {
    /// - Throws: `RedisError`, which names the server and the remedy.
    static func require(_ redis: RedisConfiguration) async throws {
        // The login ends with an answer of the server, and bounds the wait for it.
        let client = try await RedisClient.connect(
            to: redis, eventLoopGroup: MultiThreadedEventLoopGroup.singleton, loginTimeout: .seconds(5))
        await client.close()
    }
}
