import Foundation
import Redis
import Synchronization

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
        let server = try await startOnFreePort(arguments)
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

    private static func startOnFreePort(_ arguments: [String]) async throws -> RedisServer {
        var failure: any Error = Failure(description: "no port was tried")
        // Between the look for a free port and the start another process may take it.
        for _ in 0..<5 {
            let server = RedisServer(port: try freePort(), arguments: arguments)
            do {
                try await server.start()
                return server
            } catch {
                failure = error
            }
        }
        throw failure
    }

    /// A port of the loopback interface that nobody listens on now.
    static func freePort() throws -> Int {
        let descriptor = socket(AF_INET, Int32(SOCK_STREAM.rawValue), 0)
        guard descriptor >= 0 else { throw Failure(description: "socket: errno \(errno)") }
        defer { close(descriptor) }
        var address = sockaddr_in()
        address.sin_family = sa_family_t(AF_INET)
        address.sin_addr.s_addr = UInt32(INADDR_LOOPBACK).bigEndian
        var length = socklen_t(MemoryLayout<sockaddr_in>.size)
        let result = withUnsafeMutablePointer(to: &address) { pointer in
            pointer.withMemoryRebound(to: sockaddr.self, capacity: 1) { pointer in
                bind(descriptor, pointer, length) == 0 ? getsockname(descriptor, pointer, &length) : -1
            }
        }
        guard result == 0 else { throw Failure(description: "no free port: errno \(errno)") }
        return Int(UInt16(bigEndian: address.sin_port))
    }
}
