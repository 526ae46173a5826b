import Logging
import NIOCore

/// Detects that a server is stopping. Since Redis 7 it first waits for its replicas, for up to 10 s
/// (`shutdown-timeout`), while writes block.
///
/// A master then asks its replicas for their offset, but it also does so for a WAIT. A replica with replicas of its own
/// does not ask, so it is polled each second.
struct StopWatch: Sendable {
    /// Longest wait for an answer: a server that is stopping answers at once.
    private static let answerMilliseconds: Int64 = 1_000
    private static let pause = Duration.seconds(1)

    let configuration: RedisConfiguration
    let server: RedisEndpoint
    let loop: any EventLoop
    /// An element each time that the server may be stopping.
    let suspicions: AsyncStream<Void>

    /// Waits until the server is stopping.
    ///
    /// - Returns: false if that cannot be known, or the task is cancelled.
    func waitForStop(facts: TapFacts) async -> Bool {
        // Redis 7 introduced both this wait and full syncs without keys.
        if facts.isReplica { return facts.omitsData && facts.server != nil ? await pollReplica() : false }
        for await _ in suspicions {
            // A server that does not answer may be stopping too.
            guard let client = await connect() else { return true }
            let isStopping = await isStopping(client)
            await client.close()
            if isStopping ?? true { return true }
        }
        return false
    }

    private func pollReplica() async -> Bool {
        while !Task.isCancelled {
            if let client = await connect() {
                while !Task.isCancelled {
                    guard let isStopping = await isStopping(client) else { break }
                    if isStopping {
                        await client.close()
                        return true
                    }
                    try? await Task.sleep(for: Self.pause)
                }
                await client.close()
            }
            try? await Task.sleep(for: Self.pause)
        }
        return false
    }

    private func connect() async -> RedisClient? {
        var configuration = configuration
        configuration.connectTimeoutMilliseconds = Self.answerMilliseconds
        configuration.answerTimeoutMilliseconds = Self.answerMilliseconds
        return try? await RedisClient.connect(to: server, of: configuration, purpose: .inquiry, on: loop)
    }

    /// - Returns: nil without an answer.
    private func isStopping(_ client: RedisClient) async -> Bool? {
        guard case .bulk(let text)? = try? await client.ask(["INFO", "server"]) else { return nil }
        return InfoFields(String(decoding: text, as: UTF8.self))["shutdown_in_milliseconds"] != nil
    }
}
