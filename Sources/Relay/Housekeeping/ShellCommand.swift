import NIOConcurrencyHelpers
import Subprocess
import SystemPackage

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Runs a command by `/bin/sh -c`, in its own process group, which is killed as a whole on timeout.
///
/// Standard input and output are `/dev/null`; the last line of standard error is kept. The command does not get the
/// relay's variables (`BACKPLANE_RELAY_*`), which may contain secrets.
final class ShellCommand: Sendable {
    struct Outcome: Sendable, Equatable {
        var succeeded: Bool
        /// What happened, for the log.
        var description: String
    }

    private struct State {
        var deadline: ContinuousClock.Instant
        var group: pid_t?
        var isOver = false
        var wasKilled = false
    }

    private static let hiddenPrefix = "BACKPLANE_RELAY_"
    /// Interval of reading the pipe and checking the time.
    private static let pause = Duration.milliseconds(20)
    private static let keptTail = 4_096

    private let command: String
    private let state: NIOLockedValueBox<State>

    init(_ command: String, timeout: Duration) {
        self.command = command
        state = NIOLockedValueBox(State(deadline: .now + timeout))
    }

    /// Reduces the time limit.
    func shorten(to deadline: ContinuousClock.Instant) {
        state.withLockedValue { $0.deadline = min($0.deadline, deadline) }
    }

    /// Returns when the shell has ended. Background processes started by it continue.
    func run() async -> Outcome {
        var ends: [CInt] = [-1, -1]
        guard pipe(&ends) == 0 else {
            return Outcome(succeeded: false, description: "no pipe: \(Errno(rawValue: errno))")
        }
        let (reading, writing) = (ends[0], ends[1])
        defer { close(reading) }
        for end in ends { _ = fcntl(end, F_SETFD, FD_CLOEXEC) }
        _ = fcntl(reading, F_SETFL, O_NONBLOCK)
        // A cancelled task would end the shell but leave its children.
        let shell = Task { await self.runShell(errors: writing) }
        let lines = Task { await self.watch(reading) }
        let status = await shell.value
        let wasKilled = state.withLockedValue { state in
            state.isOver = true
            return state.wasKilled
        }
        let tail = await lines.value
        let lastLine = tail.split(separator: "\n").last.map { ": \($0)" } ?? ""
        switch status {
        case .success(.exited(0)) where !wasKilled: return Outcome(succeeded: true, description: "done")
        case .success(.exited(let code)):
            return Outcome(succeeded: false, description: (wasKilled ? "timeout" : "exit status \(code)") + lastLine)
        case .success(.signaled(let number)):
            return Outcome(succeeded: false, description: (wasKilled ? "timeout" : "signal \(number)") + lastLine)
        case .failure(let error):
            return Outcome(succeeded: false, description: "\(error)")
        }
    }

    private func runShell(errors: CInt) async -> Result<TerminationStatus, any Error> {
        var options = PlatformOptions()
        options.processGroupID = 0
        do {
            let result = try await Subprocess.run(
                .path("/bin/sh"), arguments: ["-c", command], environment: Self.environment, platformOptions: options,
                input: .none, output: .discarded,
                error: .fileDescriptor(FileDescriptor(rawValue: errors), closeAfterSpawningProcess: true)
            ) { execution in
                self.state.withLockedValue { $0.group = execution.processIdentifier.value }
            }
            return .success(result.terminationStatus)
        } catch {
            return .failure(error)
        }
    }

    /// Drains the pipe, so that the command never blocks on it, and enforces the time limit.
    private func watch(_ descriptor: CInt) async -> String {
        var tail: [UInt8] = []
        while true {
            let isOver = state.withLockedValue { $0.isOver }
            Self.drain(descriptor, into: &tail)
            if isOver { return String(decoding: tail, as: UTF8.self) }
            killIfDue()
            try? await Task.sleep(for: Self.pause)
        }
    }

    private func killIfDue() {
        state.withLockedValue { state in
            guard !state.isOver, let group = state.group, ContinuousClock.now >= state.deadline else { return }
            kill(-group, SIGKILL)
            state.wasKilled = true
        }
    }

    private static func drain(_ descriptor: CInt, into tail: inout [UInt8]) {
        // Bounded: endless output must not keep us here.
        for _ in 0..<64 {
            let got = withUnsafeTemporaryAllocation(byteCount: 16_384, alignment: 1) { buffer in
                let count = read(descriptor, buffer.baseAddress, buffer.count)
                if count > 0 { tail.append(contentsOf: buffer.prefix(count)) }
                return count
            }
            if tail.count > keptTail { tail.removeFirst(tail.count - keptTail) }
            guard got > 0 else { return }
        }
    }

    private static var environment: Environment {
        var hidden: [Environment.Key: String?] = [:]
        var entry = environ
        while let variable = entry.pointee {
            let text = String(cString: variable)
            if text.hasPrefix(hiddenPrefix), let name = text.split(separator: "=").first {
                hidden[Environment.Key(stringLiteral: String(name))] = .some(nil)
            }
            entry += 1
        }
        return .inherit.updating(hidden)
    }
}
