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

/// A redis-server on a free port of this machine, without persistence, running during a closure.
package enum RedisServerProcess {
    private static let attempts = 3
    /// How long a server may take to shut down.
    private static let patience = Duration.seconds(2)
    /// The servers that are started and not yet reaped.
    private static let running = Mutex<Set<pid_t>>([])

    /// - Parameter keepsSlowSubscribers: whether the server keeps everything that a subscriber has not read; by default it
    ///   disconnects one beyond 32 MiB.
    /// - Throws: ``SetupError`` if redis-server is missing or does not start; errors of `body`.
    package static func run<Result: Sendable>(
        keepsSlowSubscribers: Bool = false, _ body: @Sendable (RedisConfiguration) async throws -> Result
    ) async throws -> Result {
        let options = keepsSlowSubscribers ? ["--client-output-buffer-limit", "pubsub", "0", "0", "0"] : []
        var lastWords = ""
        // Another process may take the port before the server starts.
        for _ in 0..<attempts {
            do {
                return try await run(port: try await freePort(), options, body)
            } catch let error as EndedBeforeReady {
                lastWords = error.lastLine
            }
        }
        throw SetupError("redis-server exited before it was ready, \(attempts) times; its last output: \(lastWords)")
    }

    private struct EndedBeforeReady: Error {
        let lastLine: String
    }

    private enum Start {
        case ready
        case failed(any Error)
    }

    private static func run<Result: Sendable>(
        port: Int, _ options: [String], _ body: @Sendable (RedisConfiguration) async throws -> Result
    ) async throws -> Result {
        let (starts, start) = AsyncStream<Start>.makeStream()
        let (ends, end) = AsyncStream<Void>.makeStream()
        // A separate task: cancellation kills its server immediately, and an orderly end in `body` would wait for a
        // Redis that no longer answers.
        let serving = Task {
            do {
                try await serve(port: port, options, onReady: { start.yield(.ready) }, until: ends)
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
    /// - Throws: ``EndedBeforeReady`` with the last line of output if the server exited by itself; ``SetupError``.
    private static func serve(
        port: Int, _ settings: [String], onReady: @escaping @Sendable () -> Void, until ends: AsyncStream<Void>
    ) async throws {
        // Its own process group: Ctrl-C goes to us only, and we stop the server in due order.
        var options = PlatformOptions()
        options.processGroupID = 0
        do {
            _ = try await Subprocess.run(
                .name("redis-server"),
                arguments: Arguments(
                    [
                        "--port", "\(port)", "--bind", "127.0.0.1", "--save", "", "--appendonly", "no", "--daemonize",
                        "no",
                    ] + settings),
                platformOptions: options, input: .none, output: .sequence, error: .discarded
            ) { execution in
                let identifier = execution.processIdentifier.value
                running.withLock { _ = $0.insert(identifier) }
                defer { running.withLock { _ = $0.remove(identifier) } }
                let output = execution.standardOutput
                try await withThrowingTaskGroup(of: Void.self) { group in
                    // Reads to the end: a server blocks if its pipe is full.
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

    /// Kills all running servers immediately, if the orderly shutdown is abandoned.
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
