import Foundation
import Redis
import Synchronization
import Testing

/// A real redis-server of Debian's package `redis-server`, a child of the test, alone on a free port.
final class RedisServer: Sendable {
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    let port: Int
    private let arguments: [String]
    private let child = Mutex<Child?>(nil)

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
        guard let path = Self.path else {
            throw Failure(description: "redis-server is not installed; apt-get install redis-server")
        }
        let started = try Child(path: path, port: port, arguments: arguments)
        for await line in started.output where line.contains("Ready to accept connections") {
            child.withLock { $0 = started }
            return
        }
        throw Failure(description: "redis-server ended before it was ready")
    }

    /// Lets the process stand still: it accepts connections (the kernel does) and says nothing.
    func freeze() { child.withLock { $0?.signal(SIGSTOP) } }

    func thaw() { child.withLock { $0?.signal(SIGCONT) } }

    // MARK: - Where it is, where it may listen

    private static let path = ["/usr/bin/redis-server", "/usr/local/bin/redis-server"]
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

/// One process and what it says.
private final class Child: Sendable {
    private let processIdentifier: pid_t
    /// Lines of standard output; ends with the process.
    let output: AsyncStream<String>
    /// Never yields; ends with the process.
    let exit: AsyncStream<Never>

    init(path: String, port: Int, arguments: [String]) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: path)
        // No configuration file, nothing on disk.
        process.arguments =
            ["--port", "\(port)", "--bind", "127.0.0.1", "--save", "", "--appendonly", "no"] + arguments
        process.standardInput = FileHandle.nullDevice
        process.standardError = FileHandle.nullDevice
        let pipe = Pipe()
        process.standardOutput = pipe

        let (output, lines) = AsyncStream<String>.makeStream()
        self.output = output
        let buffer = LineBuffer()
        // Reads on to the end, since a server whose pipe is full stands still.
        pipe.fileHandleForReading.readabilityHandler = { handle in
            let data = handle.availableData
            guard !data.isEmpty else {
                handle.readabilityHandler = nil
                lines.finish()
                return
            }
            for line in buffer.lines(adding: data) { lines.yield(line) }
        }

        let (exit, exited) = AsyncStream<Never>.makeStream()
        self.exit = exit
        process.terminationHandler = { _ in exited.finish() }
        try process.run()
        processIdentifier = process.processIdentifier
    }

    func signal(_ signal: Int32) {
        _ = kill(processIdentifier, signal)
    }
}

/// Divides what a pipe delivers into lines.
private final class LineBuffer: Sendable {
    private let unfinished = Mutex<[UInt8]>([])

    /// - Returns: the lines that are complete now, without their ends.
    func lines(adding data: Data) -> [String] {
        unfinished.withLock { unfinished in
            unfinished += data
            var lines: [String] = []
            while let end = unfinished.firstIndex(of: UInt8(ascii: "\n")) {
                lines.append(String(decoding: unfinished[..<end], as: UTF8.self))
                unfinished.removeSubrange(...end)
            }
            return lines
        }
    }
}
