/// What a program said that ran to its end.
public struct Finished {
    public let exit: ChildProcess.Exit
    public let output: String
    public let errors: String

    public var lines: [String] { output.split(separator: "\n").map(String.init) }

    /// Runs a program to its end.
    ///
    /// - Throws: ``TestFailure`` if it does not end in time.
    public static func running(
        _ path: String, _ arguments: [String], environment: [String: String] = [:],
        within limit: Duration = .seconds(60)
    ) async throws -> Finished {
        try await TemporaryDirectory.with { folder in
            let child = try await ChildProcess.start(path, arguments, environment: environment, folder: folder)
            let exit = try await child.exit(within: limit)
            return Finished(exit: exit, output: child.output, errors: child.errors)
        }
    }

    public static func running(
        _ tool: Tool, _ arguments: [String], within limit: Duration = .seconds(60)
    ) async throws -> Finished {
        try await running(tool.requiredPath(), arguments, within: limit)
    }

    /// Runs our own command.
    public static func relay(
        _ arguments: [String], environment: [String: String] = [:], within limit: Duration = .seconds(60)
    ) async throws -> Finished {
        try await running(RelayProcess.path(), arguments, environment: environment, within: limit)
    }
}
