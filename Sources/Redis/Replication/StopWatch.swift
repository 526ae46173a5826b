import Logging
import NIOCore

/// Finds out whether a server is stopping, which waits for its replicas: since Redis 7 for up to 10 s
/// (`shutdown-timeout`), while writes hang.
///
/// A master asks its replicas for their offset then, but also for a caller's WAIT. A replica with replicas of its own
/// asks nobody, so it is asked each second.
struct StopWatch: Sendable {
    /// Asks no longer than this: a server that is stopping answers at once.
    private static let answerMilliseconds: Int64 = 1_000
    private static let pause = Duration.seconds(1)

    let configuration: RedisConfiguration
    let server: RedisEndpoint
    let loop: any EventLoop
    /// An element each time that the server may be stopping.
    let suspicions: AsyncStream<Void>

    /// Returns when the server is stopping, or the task is cancelled.
    func waitForStop(facts: TapFacts) async {
        if facts.isReplica, facts.server != nil {
            await pollReplica()
        } else {
            for await _ in suspicions {
                // What does not answer is stopping as well, for all that can be known.
                guard let client = await connect() else { return }
                let isStopping = await isStopping(client)
                await client.close()
                if isStopping ?? true { return }
            }
        }
    }

    private func pollReplica() async {
        while !Task.isCancelled {
            if let client = await connect() {
                while !Task.isCancelled {
                    guard let isStopping = await isStopping(client) else { break }
                    if isStopping {
                        await client.close()
                        return
                    }
                    try? await Task.sleep(for: Self.pause)
                }
                await client.close()
            }
            try? await Task.sleep(for: Self.pause)
        }
    }

    private func connect() async -> RedisClient? {
        var configuration = configuration
        configuration.connectTimeoutMilliseconds = Self.answerMilliseconds
        configuration.answerTimeoutMilliseconds = Self.answerMilliseconds
        return try? await RedisClient.connect(to: server, of: configuration, purpose: .inquiry, on: loop)
    }

    /// - Returns: nil if it does not tell.
    private func isStopping(_ client: RedisClient) async -> Bool? {
        guard case .bulk(let text)? = try? await client.ask(["INFO", "server"]) else { return nil }
        return InfoFields(String(decoding: text, as: UTF8.self))["shutdown_in_milliseconds"] != nil
    }
}
