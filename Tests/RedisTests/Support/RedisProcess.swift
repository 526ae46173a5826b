import Foundation
import Synchronization

/// One process and what it says.
final class RedisProcess: Sendable {
    private let processIdentifier: pid_t
    /// Lines of standard output; ends with the process.
    let output: AsyncStream<String>
    /// Never yields; ends with the process.
    let exit: AsyncStream<Never>

    /// - Parameter word: what the process says once it serves.
    static func start(_ arguments: [String], readyWhen word: String) async throws -> RedisProcess {
        guard let path = RedisServer.path else {
            throw RedisServer.Failure(description: "redis-server is not installed; apt-get install redis-server")
        }
        let started = try RedisProcess(path: path, arguments: arguments)
        for await line in started.output where line.contains(word) { return started }
        throw RedisServer.Failure(description: "redis-server ended before it was ready")
    }

    private init(path: String, arguments: [String]) throws {
        let process = Process()
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = arguments
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
