import Logging
import NIOCore
import Redis

/// A node's publishing connection to Redis, re-established whenever it ends. Shared by both backplanes.
struct PublishingConnection {
    let redis: RedisConfiguration
    let eventLoopGroup: any EventLoopGroup
    let logger: Logger

    /// Stays connected until the task is cancelled.
    ///
    /// - Parameters:
    ///   - opened: called with each new connection; if it throws, the connection is closed and another one is made.
    ///   - lost: called with the reason when an opened connection has ended.
    /// - Throws: `RedisError` if the first connection fails for a permanent reason.
    nonisolated(nonsending) func hold(
        opened: (RedisClient) async throws -> Void, lost: (_ reason: String) -> Void
    ) async throws {
        var backoff = ReconnectBackoff()
        var random = SystemRandomNumberGenerator()
        var wasOpen = false
        while !Task.isCancelled {
            do {
                let client = try await RedisClient.connect(to: redis, eventLoopGroup: eventLoopGroup)
                do {
                    try await opened(client)
                } catch {
                    await client.close()
                    throw error
                }
                wasOpen = true
                backoff.reset()
                await withTaskCancellationHandler {
                    await client.waitUntilClosed()
                } onCancel: {
                    Task { await client.close() }
                }
                lost("the connection to Redis is lost")
            } catch {
                if Task.isCancelled { return }
                let transient = (error as? RedisError)?.isTransient ?? true
                guard transient || wasOpen else { throw error }
                logger.warning("cannot connect to publish, trying again", metadata: ["cause": "\(error)"])
            }
            // On cancellation the loop condition ends it.
            try? await Task.sleep(for: backoff.next(using: &random))
        }
    }
}
