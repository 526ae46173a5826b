import Foundation
import Synchronization

/// A program that runs beside the test; its output goes to files, so that no full pipe can stop it.
final class ChildProcess: Sendable {
    enum Exit: Equatable, Sendable {
        case code(Int32)
        case signal(Int32)
    }

    let processIdentifier: pid_t
    private let outputPath: String
    private let errorPath: String
    private let exited: Task<Exit, Never>
    private let isRunning = Mutex(true)

    /// - Parameters:
    ///   - environment: added to the test's own.
    ///   - folder: where standard output and standard error are kept.
    init(
        _ path: String, _ arguments: [String], environment: [String: String] = [:], folder: String
    ) throws {
        let name = folder + "/" + UUID().uuidString
        outputPath = name + ".out"
        errorPath = name + ".err"
        let process = Process()
        process.executableURL = URL(fileURLWithPath: path)
        process.arguments = arguments
        process.environment = ProcessInfo.processInfo.environment.merging(environment) { $1 }
        process.standardInput = FileHandle.nullDevice
        process.standardOutput = try Self.newFile(outputPath)
        process.standardError = try Self.newFile(errorPath)
        let (exits, exit) = AsyncStream<Exit>.makeStream()
        process.terminationHandler = { process in
            exit.yield(
                process.terminationReason == .exit
                    ? .code(process.terminationStatus) : .signal(process.terminationStatus))
            exit.finish()
        }
        exited = Task { await exits.first { _ in true } ?? .code(-1) }
        try process.run()
        processIdentifier = process.processIdentifier
    }

    /// Standard output and standard error up to now; bytes that are no UTF-8 become U+FFFD.
    var output: String { Self.text(of: outputPath) }
    var errors: String { Self.text(of: errorPath) }

    /// Does nothing once the end of the process is known.
    func signal(_ number: Int32) {
        isRunning.withLock { if $0 { _ = kill(processIdentifier, number) } }
    }

    /// Waits for the end; a process that does not end in time is killed.
    ///
    /// - Throws: ``TestFailure`` if it had to be killed.
    func exit(within limit: Duration = .seconds(30)) async throws -> Exit {
        let exit = await withTaskGroup(of: Exit?.self) { group in
            group.addTask { [exited] in await exited.value }
            group.addTask {
                try? await Task.sleep(for: limit)
                return nil
            }
            let first = await group.next() ?? nil
            if first == nil { signal(SIGKILL) }
            group.cancelAll()
            return first
        }
        isRunning.withLock { $0 = false }
        guard let exit else {
            throw TestFailure("process \(processIdentifier) did not end within \(limit) and was killed:\n\(errors)")
        }
        return exit
    }

    /// Ends it whatever it does.
    func terminate() async {
        signal(SIGKILL)
        _ = await exited.value
        isRunning.withLock { $0 = false }
    }

    private static func newFile(_ path: String) throws -> FileHandle {
        guard FileManager.default.createFile(atPath: path, contents: nil),
            let handle = FileHandle(forWritingAtPath: path)
        else { throw TestFailure("cannot make the file \(path)") }
        return handle
    }

    private static func text(of path: String) -> String {
        String(decoding: FileManager.default.contents(atPath: path) ?? Data(), as: UTF8.self)
    }
}
