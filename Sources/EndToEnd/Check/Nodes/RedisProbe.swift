import NIOCore
import NIOPosix
import Redis

/// Asks whether a Redis server answers.
enum RedisProbe {
    /// - Throws: `RedisError`, which names the server and the remedy.
    static func require(_ redis: RedisConfiguration) async throws {
        let client = try await RedisClient.connect(
            to: redis, eventLoopGroup: MultiThreadedEventLoopGroup.singleton, loginTimeout: .seconds(5))
        do {
            try await Deadline.run(
                within: .seconds(5), on: MultiThreadedEventLoopGroup.singleton.any(),
                expired: RedisError.noAnswer(endpoint: redis.endpoint, seconds: 5)
            ) { _ = try await client.send(["PING"]) }
        } catch {
            await client.close()
            throw error
        }
        await client.close()
    }
}
