import Foundation
import Subprocess
import Synchronization
import SystemPackage

/// A program run by a test; its output goes to files, so that a full pipe cannot block it.
package final class ChildProcess: Sendable {
    package enum Exit: Equatable, Sendable {
        case code(Int32)
        case signal(Int32)
    }

    package let processIdentifier: Int32
    private let outputPath: String
    private let errorPath: String
    private let exited: Task<Exit, any Error>
    private let life: Life

    /// Whether its process id is still its own: the kernel may reuse that of an ended process, which must not get the
    /// signal.
    private final class Life: Sendable {
        let isRunning = Mutex(true)

        func end() { isRunning.withLock { $0 = false } }
    }

    private init(
        processIdentifier: pid_t, life: Life, outputPath: String, errorPath: String, exited: Task<Exit, any Error>
    ) {
        self.processIdentifier = processIdentifier
        self.life = life
        self.outputPath = outputPath
        self.errorPath = errorPath
        self.exited = exited
    }

    /// - Parameters:
    ///   - environment: added to the test's own.
    ///   - folder: the directory for standard output and standard error.
    package static func start(
        _ path: String, _ arguments: [String], environment: [String: String] = [:], folder: String
    ) async throws -> ChildProcess {
        let name = folder + "/" + UUID().uuidString
        let output = try newFile(name + ".out")
        let errors = try newFile(name + ".err")
        // Not Foundation's Process: it crashed the test runner once in some thousand starts, while it searched for open
        // files.
        let (identifiers, started) = AsyncStream<pid_t>.makeStream()
        // A crash report starts with the crashed thread only: all threads would displace it in the output of a test
        // run.
        var variables: [Environment.Key: String?] = [
            "SWIFT_BACKTRACE": "enable=yes,threads=crashed,images=none,interactive=no,color=no"
        ]
        for (name, value) in environment { variables[Environment.Key(stringLiteral: name)] = value }
        let life = Life()
        let exited = Task {
            defer {
                life.end()
                started.finish()
            }
            let result = try await Subprocess.run(
                .path(FilePath(path)), arguments: Arguments(arguments),
                environment: .inherit.updating(variables), input: .none,
                output: .fileDescriptor(output, closeAfterSpawningProcess: true),
                error: .fileDescriptor(errors, closeAfterSpawningProcess: true)
            ) { execution in
                started.yield(execution.processIdentifier.value)
            }
            return switch result.terminationStatus {
            case .exited(let code): Exit.code(code)
            case .signaled(let number): Exit.signal(number)
            }
        }
        guard let processIdentifier = await identifiers.first(where: { _ in true }) else {
            throw TestFailure("\(path) did not start: \(await exited.result)")
        }
        return ChildProcess(
            processIdentifier: processIdentifier, life: life, outputPath: name + ".out", errorPath: name + ".err",
            exited: exited)
    }

    /// Standard output and standard error so far; invalid UTF-8 becomes U+FFFD.
    package var output: String { Self.text(of: outputPath) }
    package var errors: String { Self.text(of: errorPath) }

    /// Does nothing once the process has ended.
    package func signal(_ number: Int32) {
        life.isRunning.withLock { if $0 { _ = kill(processIdentifier, number) } }
    }

    /// Waits for the end; a process that does not end in time is killed.
    ///
    /// - Throws: ``TestFailure`` if it had to be killed.
    package func exit(within limit: Duration = .seconds(30)) async throws -> Exit {
        let (exit, isKilled) = try await withThrowingTaskGroup(of: Exit?.self) { group in
            group.addTask { [exited] in try await exited.value }
            group.addTask {
                try? await Task.sleep(for: limit)
                return nil
            }
            if let first = try await group.next() ?? nil {
                group.cancelAll()
                return (first, false)
            }
            signal(SIGKILL)
            return (try await exited.value, true)
        }
        // If this process was delayed, the other may still have ended in time.
        guard !isKilled || exit != .signal(SIGKILL) else {
            throw TestFailure("process \(processIdentifier) did not end within \(limit) and was killed:\n\(errors)")
        }
        return exit
    }

    /// Kills it in any state.
    package func terminate() async {
        signal(SIGKILL)
        _ = await exited.result
    }

    private static func newFile(_ path: String) throws -> FileDescriptor {
        try FileDescriptor.open(path, .writeOnly, options: [.create, .truncate], permissions: .ownerReadWrite)
    }

    private static func text(of path: String) -> String {
        String(decoding: FileManager.default.contents(atPath: path) ?? Data(), as: UTF8.self)
    }
}

/// The result of a completed program.
package struct Finished {
    package let exit: ChildProcess.Exit
    package let output: String
    package let errors: String

    package init(exit: ChildProcess.Exit, output: String, errors: String) {
        self.exit = exit
        self.output = output
        self.errors = errors
    }

    package var lines: [String] { output.split(separator: "\n").map(String.init) }

    /// Runs a program to its end.
    ///
    /// - Throws: ``TestFailure`` if it does not end in time.
    package static func running(
        _ path: String, _ arguments: [String], environment: [String: String] = [:],
        within limit: Duration = .seconds(60)
    ) async throws -> Finished {
        try await TemporaryDirectory.with { folder in
            let child = try await ChildProcess.start(path, arguments, environment: environment, folder: folder)
            let exit = try await child.exit(within: limit)
            return Finished(exit: exit, output: child.output, errors: child.errors)
        }
    }

    package static func running(
        _ tool: Tool, _ arguments: [String], within limit: Duration = .seconds(60)
    ) async throws -> Finished {
        try await running(tool.requiredPath(), arguments, within: limit)
    }

    /// Runs the product's command.
    package static func relay(
        _ arguments: [String], environment: [String: String] = [:], within limit: Duration = .seconds(60)
    ) async throws -> Finished {
        try await running(RelayProcess.path(), arguments, environment: environment, within: limit)
    }
}
