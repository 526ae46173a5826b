import NIOCore
import NIOPosix
package import Redis
import Subprocess

/// A redis-server of our own on a free port of this machine, without persistence, for as long as a closure runs.
package enum RedisServerProcess {
    private static let attempts = 3

    /// - Throws: ``SetupError`` if redis-server is missing or does not come up; what `body` throws.
    package static func run<Result: Sendable>(
        _ body: @Sendable (RedisConfiguration) async throws -> Result
    ) async throws -> Result {
        var lastWords = ""
        // Between the look for a free port and the start another process may take it.
        for _ in 0..<attempts {
            do {
                return try await run(port: try await freePort(), body)
            } catch let error as EndedBeforeReady {
                lastWords = error.lastLine
            }
        }
        throw SetupError("redis-server ended before it was ready, \(attempts) times; it said last: \(lastWords)")
    }

    private struct EndedBeforeReady: Error {
        let lastLine: String
    }

    private enum Start {
        case ready
        case failed(EndedBeforeReady)
    }

    private static func run<Result: Sendable>(
        port: Int, _ body: @Sendable (RedisConfiguration) async throws -> Result
    ) async throws -> Result {
        // A group of its own: Ctrl-C is for us, who stop it when its turn has come.
        var options = PlatformOptions()
        options.processGroupID = 0
        do {
            return try await Subprocess.run(
                .name("redis-server"),
                arguments: [
                    "--port", "\(port)", "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--daemonize", "no",
                ],
                platformOptions: options, input: .none, output: .sequence, error: .discarded
            ) { execution in
                let output = execution.standardOutput
                return try await withThrowingTaskGroup(of: Void.self) { group in
                    let (starts, start) = AsyncStream<Start>.makeStream()
                    // Reads to the end: a server whose pipe is full stands still.
                    group.addTask {
                        defer { start.finish() }
                        var lastLine = ""
                        for try await line in output.strings() {
                            lastLine = line
                            if line.contains("Ready to accept connections") { start.yield(.ready) }
                        }
                        start.yield(.failed(EndedBeforeReady(lastLine: lastLine)))
                    }
                    do {
                        switch await starts.first(where: { _ in true }) {
                        case .ready: break
                        case .failed(let error): throw error
                        case nil: throw CancellationError()
                        }
                        let result = try await body(RedisConfiguration(host: "127.0.0.1", port: port))
                        try? execution.send(signal: .terminate)
                        return result
                    } catch {
                        try? execution.send(signal: .terminate)
                        throw error
                    }
                }
            }.closureResult
        } catch let error as SubprocessError where error.code == .executableNotFound {
            throw SetupError(
                "redis-server is not installed; it comes with the Debian package redis-server (apt-get install redis-server)"
            )
        }
    }

    /// A port that was free a moment ago.
    package static func freePort() async throws -> Int {
        let channel = try await ServerBootstrap(group: MultiThreadedEventLoopGroup.singleton)
            .bind(host: "127.0.0.1", port: 0).get()
        let port = channel.localAddress?.port
        try await channel.close()
        guard let port else { throw SetupError("no free port on 127.0.0.1") }
        return port
    }
}
