import NIOCore
import NIOPosix
package import Redis
import Subprocess
import Synchronization

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// A redis-server of our own on a free port of this machine, without persistence, for as long as a closure runs.
package enum RedisServerProcess {
    private static let attempts = 3
    /// How long a server may take to end by itself.
    private static let patience = Duration.seconds(2)
    /// The servers that were started and not yet waited for.
    private static let running = Mutex<Set<pid_t>>([])

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
        case failed(any Error)
    }

    private static func run<Result: Sendable>(
        port: Int, _ body: @Sendable (RedisConfiguration) async throws -> Result
    ) async throws -> Result {
        let (starts, start) = AsyncStream<Start>.makeStream()
        let (ends, end) = AsyncStream<Void>.makeStream()
        // A task of its own: one that is cancelled kills its server at once, and whoever comes to an orderly end in `body`
        // would wait for what Redis no longer answers.
        let serving = Task {
            do {
                try await serve(port: port, onReady: { start.yield(.ready) }, until: ends)
            } catch {
                start.yield(.failed(error))
            }
            start.finish()
        }
        let outcome: Swift.Result<Result, any Error>
        do {
            switch await starts.first(where: { _ in true }) {
            case .ready: outcome = .success(try await body(RedisConfiguration(host: "127.0.0.1", port: port)))
            case .failed(let error): throw error
            case nil: throw CancellationError()
            }
        } catch {
            outcome = .failure(error)
        }
        end.finish()
        await serving.value
        return try outcome.get()
    }

    /// Runs the server until the stream ends.
    ///
    /// - Throws: ``EndedBeforeReady`` with the last line of a server that ended by itself; ``SetupError``.
    private static func serve(
        port: Int, onReady: @escaping @Sendable () -> Void, until ends: AsyncStream<Void>
    ) async throws {
        // A group of its own: Ctrl-C is for us, who stop it when its turn has come.
        var options = PlatformOptions()
        options.processGroupID = 0
        do {
            _ = try await Subprocess.run(
                .name("redis-server"),
                arguments: [
                    "--port", "\(port)", "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--daemonize", "no",
                ],
                platformOptions: options, input: .none, output: .sequence, error: .discarded
            ) { execution in
                let identifier = execution.processIdentifier.value
                running.withLock { _ = $0.insert(identifier) }
                defer { running.withLock { _ = $0.remove(identifier) } }
                let output = execution.standardOutput
                try await withThrowingTaskGroup(of: Void.self) { group in
                    // Reads to the end: a server whose pipe is full stands still.
                    group.addTask {
                        var lastLine = ""
                        for try await line in output.strings() {
                            lastLine = line
                            if line.contains("Ready to accept connections") { onReady() }
                        }
                        throw EndedBeforeReady(lastLine: lastLine)
                    }
                    group.addTask {
                        for await _ in ends {}
                    }
                    defer { group.cancelAll() }
                    try await group.next()
                    await execution.teardown(using: [.gracefulShutDown(allowedDurationToNextStep: patience)])
                }
            }
        } catch let error as SubprocessError where error.code == .executableNotFound {
            throw SetupError(
                "redis-server is not installed; it comes with the Debian package redis-server (apt-get install redis-server)"
            )
        }
    }

    /// Ends every server that runs, at once: for a process that gives up its orderly end.
    package static func killAll() {
        for identifier in running.withLock({ $0 }) { _ = kill(identifier, SIGKILL) }
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
