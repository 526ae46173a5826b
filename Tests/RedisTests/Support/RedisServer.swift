import Foundation
import Redis
import Synchronization
import TestSupport

/// A real redis-server of Debian's package `redis-server`, a child of the test, alone on a free port.
final class RedisServer: Sendable {
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    let port: Int
    private let arguments: [String]
    private let child = Mutex<RedisProcess?>(nil)

    private init(port: Int, arguments: [String]) {
        self.port = port
        self.arguments = arguments
    }

    /// Starts a server, runs `body` against it and ends it, however `body` returns.
    ///
    /// - Parameter arguments: added to redis-server's command line, such as `--requirepass`.
    static func withServer<Value>(
        _ arguments: [String] = [], isolation: isolated (any Actor)? = #isolation,
        _ body: (RedisServer) async throws -> Value
    ) async throws -> Value {
        let server = RedisServer(port: try FreePort.find(), arguments: arguments)
        try await server.start()
        do {
            let value = try await body(server)
            await server.kill()
            return value
        } catch {
            await server.kill()
            throw error
        }
    }

    var configuration: RedisConfiguration { RedisConfiguration(host: "127.0.0.1", port: port) }

    /// Ends the process as a crash would, and waits for its end.
    func kill() async {
        guard let ended = child.withLock({ $0.take() }) else { return }
        ended.signal(SIGKILL)
        for await _ in ended.exit {}
    }

    /// A new process, hence another `run_id`, on the same port.
    func start() async throws {
        // No configuration file, nothing on disk.
        let started = try await RedisProcess.start(
            ["--port", "\(port)", "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"] + arguments,
            readyWhen: "Ready to accept connections")
        child.withLock { $0 = started }
    }

    /// Lets the process stand still: it accepts connections (the kernel does) and says nothing.
    func freeze() { child.withLock { $0?.signal(SIGSTOP) } }

    func thaw() { child.withLock { $0?.signal(SIGCONT) } }

    // MARK: - Where it is, where it may listen

    static let path = ["/usr/bin/redis-server", "/usr/local/bin/redis-server"]
        .first { FileManager.default.isExecutableFile(atPath: $0) }

    /// Under CI a missing server fails the tests instead of skipping them.
    static var shouldBeTested: Bool { path != nil || ProcessInfo.processInfo.environment["CI"] == "true" }
}
