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
