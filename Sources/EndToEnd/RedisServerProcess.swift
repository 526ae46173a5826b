import NIOCore
import NIOPosix
public import Redis
import Subprocess

/// A redis-server of our own on a free port of this machine, without persistence, for as long as a closure runs.
public enum RedisServerProcess {
    /// - Throws: ``EndToEndError`` if redis-server is missing or does not come up; what `body` throws.
    public static func run<Result: Sendable>(
        _ body: @Sendable (RedisConfiguration) async throws -> Result
    ) async throws -> Result {
        let port = try await freePort()
        let configuration = RedisConfiguration(host: "127.0.0.1", port: port)
        // A group of its own: Ctrl-C is for us, who stop it when its turn has come.
        var options = PlatformOptions()
        options.processGroupID = 0
        do {
            return try await Subprocess.run(
                .name("redis-server"),
                arguments: [
                    "--port", "\(port)", "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--daemonize", "no",
                ],
                platformOptions: options, input: .none, output: .discarded, error: .discarded
            ) { execution in
                do {
                    try await waitUntilReady(configuration)
                    let result = try await body(configuration)
                    try? execution.send(signal: .terminate)
                    return result
                } catch {
                    try? execution.send(signal: .terminate)
                    throw error
                }
            }.closureResult
        } catch let error as SubprocessError where error.code == .executableNotFound {
            throw EndToEndError(
                "redis-server is not installed; it comes with the Debian package redis-server (apt-get install redis-server)"
            )
        }
    }

    /// A port that was free a moment ago.
    static func freePort() async throws -> Int {
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .bind(host: "127.0.0.1", port: 0).get()
        let port = channel.localAddress?.port
        try await channel.close()
        guard let port else { throw EndToEndError("no free port on 127.0.0.1") }
        return port
    }

    private static func waitUntilReady(_ configuration: RedisConfiguration) async throws {
        let deadline = ContinuousClock.now + .seconds(10)
        while true {
            do {
                let client = try await RedisClient.connect(
                    to: configuration, eventLoopGroup: MultiThreadedEventLoopGroup.singleton)
                await client.close()
                return
            } catch {
                guard ContinuousClock.now < deadline else {
                    throw EndToEndError(
                        "redis-server did not answer at \(configuration.endpoint) within 10 s: \(error)")
                }
                // Nothing tells when another process listens: ask again shortly.
                try await Task.sleep(for: .milliseconds(20))
            }
        }
    }
}
