import ArgumentParser
import Capture
import Replay

@main
struct BackplaneRelay: AsyncParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "backplane-relay",
        abstract: "Watches, records and replays the Redis backplane of ASP.NET SignalR.",
        discussion: """
            Every option can also be set by an environment variable: BACKPLANE_RELAY_ and the option's name in capitals,
            so --redis is BACKPLANE_RELAY_REDIS. Put addresses with passwords there, not on the command line.

            Exit status: 0 done, 1 failed, 3 done but with loss or damage, 64 wrong usage.
            """,
        version: BuildCommit.name.isEmpty ? version : "\(version) (commit \(BuildCommit.name))",
        subcommands: [
            RunCommand.self, TailCommand.self, InfoCommand.self, CatCommand.self, VerifyCommand.self,
            RecoverCommand.self, MergeCommand.self, DiffCommand.self, ExportCommand.self,
            ReplayCommand.self, HubCommand.self, CheckCommand.self, BenchCommand.self, DemoCommand.self,
        ])

    static let version = "0.1.0"

    static func main() async {
        let arguments = EnvironmentOptions.merged(into: Array(CommandLine.arguments.dropFirst()))
        ProcessList.hideSecrets(variables: EnvironmentOptions.variables)
        do {
            var command = try parseAsRoot(arguments)
            if var command = command as? any AsyncParsableCommand {
                try await command.run()
            } else {
                try command.run()
            }
        } catch {
            exit(withError: error)
        }
    }
}

extension ExitCode {
    /// Done, but with loss or damage, which was counted on standard error.
    static let lossOrDamage = ExitCode(3)
}
