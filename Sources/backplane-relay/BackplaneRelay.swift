import ArgumentParser
import CLinux
import Capture
import Redis
import Replay

#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

@main
struct BackplaneRelay: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backplane-relay",
        abstract: "Observe, record and replay the Redis backplane of ASP.NET SignalR and ASP.NET Core SignalR.",
        discussion: """
            Examples:
              backplane-relay demo
              backplane-relay channels --redis redis.example:6379
              backplane-relay run --redis redis.example:6379 --channel chatapp \\
                --record /var/lib/backplane-relay
              backplane-relay manual troubleshooting

            Every option can also be set by an environment variable: BACKPLANE_RELAY_ and the option's name in \
            capitals, so --redis is BACKPLANE_RELAY_REDIS. Put addresses with passwords there, not on the command \
            line. Options that select within a capture (--channel, --hub, --from, --limit, ...) work on the command \
            line only.

            Exit status: 0 done; 1 failed; 3 done, but envelopes were lost while recording should have run, or \
            something is damaged; 64 wrong usage.
            """,
        version: BuildCommit.name.isEmpty ? version : "\(version) (commit \(BuildCommit.name))",
        subcommands: [
            RunCommand.self, TailCommand.self, ChannelsCommand.self, InfoCommand.self, CatCommand.self,
            VerifyCommand.self,
            RecoverCommand.self, MergeCommand.self, DiffCommand.self, ExportCommand.self, EraseCommand.self,
            ReplayCommand.self, HubCommand.self, CheckCommand.self, BenchCommand.self, DemoCommand.self,
            ManualCommand.self,
        ])

    static let version = "0.1.0"

    static func main() async {
        let merged = EnvironmentOptions.merged(into: TapMode.completed(Array(CommandLine.arguments.dropFirst())))
        ProcessList.hideSecrets(variables: EnvironmentOptions.variables)
        do {
            // Describing the parser takes longer than most commands: only if the command line looks wrong.
            let isCommand = configuration.subcommands.contains {
                $0.configuration.commandName == merged.arguments.first
            }
            if !isCommand || merged.arguments.contains(where: Suggestion.hasSingleDash),
                let root = CommandDescription.root(),
                let complaint = Suggestion.complaint(about: merged.arguments, in: root)
            {
                throw ValidationError(complaint)
            }
            let isVariable = { merged.variables[$0] != nil }
            if let complaint = OptionRequirements.complaint(about: merged.arguments, isVariable: isVariable) {
                throw ValidationError(complaint)
            }
            var command = try parseAsRoot(merged.arguments)
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
            try StandardOutput.requirePrinted()
        } catch {
            let isReplay = merged.arguments.first == ReplayCommand.configuration.commandName
            finish(OptionNames.explaining(error, address: isReplay ? .to : .redis), of: merged)
        }
    }

    /// Ends the process with the error's message: help on standard output, everything else on standard error.
    private static func finish(_ error: any Error, of merged: EnvironmentOptions.Merged) -> Never {
        if let error = error as? OutputError, error.isReaderGone { exit(withError: ExitCode.success) }
        let code = exitCode(for: error)
        let message = HiddenArguments.concealed(
            MissingOption.improved(ArgumentForms.improved(fullMessage(for: error))), arguments: merged.arguments)
        if code == .success {
            requirePrinted { if !message.isEmpty { try StandardOutput.print(lines: [message]) } }
        } else if code == .validationFailure, let root = CommandDescription.root() {
            StandardError.print(Suggestion.improved(message, command: merged.arguments.first ?? "", in: root))
            // Only the first line: the usage below names every option.
            let complaint = message.split(separator: "\n").first.map { String($0) } ?? ""
            if let origin = merged.origin(ofOptionsIn: complaint) { StandardError.print("Note: \(origin)") }
        } else {
            if !message.isEmpty { StandardError.print(message) }
            // A command that ends with loss or damage has printed results too.
            requirePrinted {}
        }
        exit(withError: code)
    }

    /// Exits with status 1 if standard output cannot be written; a closed pipe is not a failure.
    private static func requirePrinted(_ body: () throws -> Void) {
        do {
            try body()
            try StandardOutput.requirePrinted()
        } catch {
            if let error = error as? OutputError, error.isReaderGone { return }
            StandardError.print("Error: \(error)")
            exit(withError: ExitCode.failure)
        }
    }
}

extension ExitCode {
    /// Done, but with loss or damage, which was reported on standard error.
    static let lossOrDamage = ExitCode(3)
}

/// Hides passwords from other users of this machine.
///
/// On the command line they are visible briefly, and stay in the shell's history: use the environment instead.
enum ProcessList {
    /// Overwrites them where `ps` reads arguments and environment, and disables core dumps, which would contain them
    /// too.
    ///
    /// - Parameter variables: names of environment variables that may contain an address with a password.
    static func hideSecrets(variables: some Sequence<String>) {
        _ = clinux_forbid_core_dumps()
        for index in 1..<max(1, Int(CommandLine.argc)) {
            if let argument = CommandLine.unsafeArgv[index] { overwriteSecrets(in: argument) }
        }
        for variable in variables {
            if let value = getenv(variable) { overwriteSecrets(in: value) }
        }
    }

    private static func overwriteSecrets(in text: UnsafeMutablePointer<CChar>) {
        let bytes = UnsafeMutableBufferPointer(start: text, count: strlen(text))
        for range in AddressSecrets.ranges(in: bytes.map { UInt8(bitPattern: $0) }) {
            for position in range { bytes[position] = CChar(UInt8(ascii: "*")) }
        }
    }
}

enum HostName {
    static func current() -> String {
        var name = [CChar](repeating: 0, count: 256)
        guard gethostname(&name, name.count - 1) == 0 else { return "unknown" }
        return String(decoding: name.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
    }
}
