import NIOPosix
package import Redis

extension RedisConfiguration {
    /// Runs `body` while all subscriptions of the server are killed every two seconds, whatever `body` does.
    package func killingSubscriptions<Value>(
        isolation: isolated (any Actor)? = #isolation, _ body: () async throws -> Value
    ) async throws -> Value {
        let client = try await RedisClient.connect(to: self, eventLoopGroup: MultiThreadedEventLoopGroup.singleton)
        let killing = Task {
            while !Task.isCancelled {
                try await Task.sleep(for: .seconds(2))
                try await client.send(["CLIENT", "KILL", "TYPE", "pubsub"])
            }
        }
        let result: Result<Value, any Error>
        do {
            result = .success(try await body())
        } catch {
            result = .failure(error)
        }
        killing.cancel()
        _ = await killing.result
        await client.close()
        return try result.get()
    }
}
