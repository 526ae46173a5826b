/// A required option that is neither on the command line nor in the environment.
enum MissingOption {
    /// - Parameter message: the parser's full message.
    /// - Returns: the message with a first line that names the environment variable too; unchanged if it is about
    ///   something else.
    static func improved(_ message: String) -> String {
        let start = "Error: Missing expected argument '--"
        guard message.hasPrefix(start) else { return message }
        let first = message.prefix { $0 != "\n" }
        let option = first.dropFirst(start.count - 2).prefix { $0 != "'" }
        let variable = EnvironmentOptions.variable(of: String(option.prefix { $0 != " " }))
        return "Error: \(option) is missing; pass it, or set the environment variable \(variable)"
            + message.dropFirst(first.count)
    }
}
