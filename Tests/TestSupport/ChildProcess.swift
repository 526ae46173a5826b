import Foundation
import Subprocess
import Synchronization
import SystemPackage

/// A program that runs beside the test; its output goes to files, so that no full pipe can stop it.
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

    /// Whether its number is still its own: the kernel gives that of an ended process to another one, which a signal for
    /// this one must not hit.
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
    ///   - folder: where standard output and standard error are kept.
    package static func start(
        _ path: String, _ arguments: [String], environment: [String: String] = [:], folder: String
    ) async throws -> ChildProcess {
        let name = folder + "/" + UUID().uuidString
        let output = try newFile(name + ".out")
        let errors = try newFile(name + ".err")
        // Not Foundation's Process: it crashed the test runner once in some thousand starts, while it looked for open
        // files.
        let (identifiers, started) = AsyncStream<pid_t>.makeStream()
        // A crash says first where it was: of all threads the output of a test run would keep the wrong ones.
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

    /// Standard output and standard error up to now; bytes that are no UTF-8 become U+FFFD.
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
        // Where this process stood still, the other may have ended in time all the same.
        guard !isKilled || exit != .signal(SIGKILL) else {
            throw TestFailure("process \(processIdentifier) did not end within \(limit) and was killed:\n\(errors)")
        }
        return exit
    }

    /// Ends it whatever it does.
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

/// What a program said that ran to its end.
package struct Finished {
    package let exit: ChildProcess.Exit
    package let output: String
    package let errors: String

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

    /// Runs our own command.
    package static func relay(
        _ arguments: [String], environment: [String: String] = [:], within limit: Duration = .seconds(60)
    ) async throws -> Finished {
        try await running(RelayProcess.path(), arguments, environment: environment, within: limit)
    }
}
