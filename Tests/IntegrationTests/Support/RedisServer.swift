import Foundation
import NIOPosix
import Redis
import Synchronization

/// A real redis-server, alone on a free port, without persistence.
final class RedisServer: Sendable {
    let port: Int
    private let folder: String
    private let arguments: [String]
    private let child = Mutex<ChildProcess?>(nil)

    private init(port: Int, folder: String, arguments: [String]) {
        self.port = port
        self.folder = folder
        self.arguments = arguments
    }

    /// Starts a server, runs `body` against it and ends it, however `body` returns.
    ///
    /// - Parameter arguments: added to redis-server's command line, such as `--requirepass`.
    static func with<Value>(
        _ arguments: [String] = [], isolation: isolated (any Actor)? = #isolation,
        _ body: (RedisServer) async throws -> Value
    ) async throws -> Value {
        try await TemporaryDirectory.with { folder in
            let server = RedisServer(port: try FreePort.find(), folder: folder, arguments: arguments)
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

    var configuration: RedisConfiguration { RedisConfiguration(host: "127.0.0.1", port: port) }
    var url: String { "redis://127.0.0.1:\(port)" }

    /// A new process, hence another `run_id` and no keys, on the same port.
    func start() async throws {
        let started = try await ChildProcess.start(
            Tool.redisServer.requiredPath(),
            ["--port", "\(port)", "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"] + arguments,
            folder: folder)
        child.withLock { $0 = started }
        try await eventually("redis-server is ready") {
            started.output.contains("Ready to accept connections") ? true : nil
        }
    }

    /// Ends the process as a crash would.
    func stop() async {
        await child.withLock { $0.take() }?.terminate()
    }

    /// Runs `body` with a connection of its own.
    func withClient<Value>(
        isolation: isolated (any Actor)? = #isolation, _ body: (RedisClient) async throws -> Value
    ) async throws -> Value {
        let client = try await RedisClient.connect(
            to: configuration, eventLoopGroup: MultiThreadedEventLoopGroup.singleton)
        do {
            let value = try await body(client)
            await client.close()
            return value
        } catch {
            await client.close()
            throw error
        }
    }
}
