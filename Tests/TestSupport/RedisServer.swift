import Foundation
import NIOPosix
package import Redis
import Synchronization

/// A real redis-server on a free port, without persistence unless its arguments enable it.
package final class RedisServer: Sendable {
    package let host: String
    package let port: Int
    /// The directory for redis-server's files; removed with the server.
    package let folder: String
    private let arguments: [String]
    private let edition: RedisEdition
    /// Network namespace of the server; nil for the test's own.
    private let namespace: String?
    private let child = Mutex<ChildProcess?>(nil)

    private init(
        host: String, port: Int, folder: String, arguments: [String], edition: RedisEdition, namespace: String?
    ) {
        self.host = host
        self.port = port
        self.folder = folder
        self.arguments = arguments
        self.edition = edition
        self.namespace = namespace
    }

    /// A server in cluster mode. Its bus has a separate port: by default 10,000 higher, which may not exist.
    package static func withCluster<Value>(
        _ arguments: [String] = [], edition: RedisEdition = .redis7, isolation: isolated (any Actor)? = #isolation,
        _ body: (RedisServer) async throws -> Value
    ) async throws -> Value {
        // Before version 7 the port of the bus cannot be chosen: it must not be one of the kernel's ephemeral ports.
        if edition == .redis6 {
            var port = try FreePort.find()
            while port + 10_000 >= 32_768 { port = try FreePort.find() }
            return try await with(
                ["--cluster-enabled", "yes"] + arguments, edition: edition, port: port, isolation: isolation, body)
        }
        return try await with(
            ["--cluster-enabled", "yes", "--cluster-port", "\(try FreePort.find())"] + arguments, edition: edition,
            isolation: isolation, body)
    }

    /// Starts a server, runs `body`, and stops the server when `body` returns or throws.
    ///
    /// - Parameters:
    ///   - arguments: added to redis-server's command line, such as `--requirepass`.
    ///   - edition: Debian's server by default.
    ///   - port: any free port by default.
    ///   - namespace: a network namespace to run in, and the addresses there to listen on; the first is used here.
    package static func with<Value>(
        _ arguments: [String] = [], edition: RedisEdition = .redis7, port: Int? = nil,
        in namespace: (name: String, addresses: [String])? = nil, isolation: isolated (any Actor)? = #isolation,
        _ body: (RedisServer) async throws -> Value
    ) async throws -> Value {
        try await TemporaryDirectory.with { folder in
            let addresses = namespace?.addresses ?? ["127.0.0.1"]
            let server = RedisServer(
                host: addresses[0], port: try port ?? FreePort.find(), folder: folder,
                arguments: ["--bind"] + addresses + arguments, edition: edition, namespace: namespace?.name)
            do {
                try await server.start()
                let value = try await body(server)
                await server.stop()
                return value
            } catch {
                await server.stop()
                throw error
            }
        }
    }

    package var configuration: RedisConfiguration { RedisConfiguration(host: host, port: port) }
    /// Names of the files in its folder.
    package var files: [String] { (try? FileManager.default.contentsOfDirectory(atPath: folder)) ?? [] }
    package var url: String { "redis://\(host):\(port)" }

    /// A new process, hence another `run_id`, on the same port; without keys unless they are on disk.
    package func start() async throws {
        let path = try edition.requiredPath()
        let options =
            ["--port", "\(port)", "--dir", folder, "--save", "", "--appendonly", "no", "--protected-mode", "no"]
            + arguments
        let started =
            if let namespace {
                try await ChildProcess.start(
                    Tool.ip.requiredPath(), ["netns", "exec", namespace, path] + options, folder: folder)
            } else {
                try await ChildProcess.start(path, options, folder: folder)
            }
        child.withLock { $0 = started }
        do {
            try await eventually("redis-server is ready") {
                started.output.contains("Ready to accept connections") ? true : nil
            }
        } catch {
            await stop()
            throw TestFailure("\(error)\n\(started.output.suffix(2_000))\(started.errors.suffix(2_000))")
        }
    }

    /// Kills the process, like a crash.
    package func stop() async {
        await child.withLock { $0.take() }?.terminate()
    }

    /// Asks the process to end, as a service manager does.
    ///
    /// - Returns: how long it took.
    package func shutDown() async throws -> Duration {
        guard let child = child.withLock({ $0.take() }) else { throw TestFailure("the server is not running") }
        return try await ContinuousClock().measure {
            child.signal(SIGTERM)
            _ = try await child.exit()
        }
    }

    /// Freezes the process: the kernel still accepts connections, but there are no replies.
    package func freeze() { child.withLock { $0?.signal(SIGSTOP) } }

    package func thaw() { child.withLock { $0?.signal(SIGCONT) } }

    /// Runs `body` with a separate connection.
    package func withClient<Value>(
        isolation: isolated (any Actor)? = #isolation, _ body: (RedisClient) async throws -> Value
    ) async throws -> Value {
        let client = try await RedisClient.connect(
            to: configuration.watching(), eventLoopGroup: MultiThreadedEventLoopGroup.singleton)
        do {
            let value = try await body(client)
            await client.close()
            return value
        } catch {
            await client.close()
            throw error
        }
    }

    /// Sends one command over a separate connection.
    ///
    /// - Throws: `RedisError`, also for an error reply.
    @discardableResult
    package func command(_ arguments: [RESPArgument]) async throws -> RESPValue {
        try await withClient { try await $0.send(arguments) }
    }
}
