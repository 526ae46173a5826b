import ArgumentParser
import FoundationEssentials

/// Lets every option be set by the environment: `--segment-size` by `BACKPLANE_RELAY_SEGMENT_SIZE`.
///
/// Options on the command line take precedence. A repeatable option takes a comma-separated list, a flag `true` or `1`.
/// Options that select within a capture are excluded: variables set for `run` would silently hide part of a capture. So
/// is the Redis of a bench, which must not be that of `run`.
enum EnvironmentOptions {
    static let prefix = "BACKPLANE_RELAY_"

    /// A command line extended by the environment.
    struct Merged {
        var arguments: [String]
        /// The variable that each added option came from, by flag.
        var variables: [String: String] = [:]

        /// Names the variables of options in an error message, because they are not on the command line; nil if all
        /// are.
        func origin(ofOptionsIn message: String) -> String? {
            let words = message.split { !($0.isLetter || $0.isNumber || $0 == "-") }.map { String($0) }
            let named = variables.keys.filter { words.contains($0) }.sorted()
            guard !named.isEmpty else { return nil }
            return named.map { "\($0) is set by the environment variable \(variables[$0] ?? "")" }
                .joined(separator: "; ") + "."
        }
    }

    /// The variables that are set.
    static var variables: [String] {
        ProcessInfo.processInfo.environment.keys.filter { $0.hasPrefix(prefix) }
    }

    /// - Parameter flag: an option, such as `--redis`.
    static func variable(of flag: String) -> String {
        prefix + flag.drop { $0 == "-" }.uppercased().map { $0 == "-" ? "_" : String($0) }.joined()
    }

    static func merged(
        into arguments: [String], environment: [String: String] = ProcessInfo.processInfo.environment
    ) -> Merged {
        var merged = Merged(arguments: arguments)
        guard environment.keys.contains(where: { $0.hasPrefix(prefix) }), let name = arguments.first,
            let options = options(of: name)
        else { return merged }
        for option in options where !arguments.contains(where: { $0 == option.flag || $0.hasPrefix(option.flag + "=") })
        {
            guard let value = environment[option.variable], !value.isEmpty else { continue }
            let added: [String]
            switch option.kind {
            case .flag: added = ["1", "true", "yes"].contains(value.lowercased()) ? [option.flag] : []
            case .single: added = ["\(option.flag)=\(value)"]
            case .repeatable: added = items(of: value, option.flag).map { "\(option.flag)=\($0)" }
            }
            guard !added.isEmpty else { continue }
            merged.arguments.insert(contentsOf: added, at: 1)
            merged.variables[option.flag] = option.variable
        }
        return merged
    }

    /// Values whose own commas stand in brackets: the arguments of a generic .NET type.
    private static let bracketed = ["--core-hub", "--core-exclude"]

    /// The items of a list with commas between.
    private static func items(of list: String, _ flag: String) -> [String] {
        var depth = 0
        return list.split { character in
            if bracketed.contains(flag) {
                if character == "[" { depth += 1 }
                if character == "]" { depth = max(0, depth - 1) }
            }
            return character == "," && depth == 0
        }.map { bracketed.contains(flag) ? String($0.drop { $0 == " " }) : String($0) }
    }

    private struct Option {
        enum Kind { case flag, single, repeatable }

        let flag: String
        let kind: Kind

        var variable: String { EnvironmentOptions.variable(of: flag) }
    }

    private static func options(of name: String) -> [Option]? {
        guard let command = CommandDescription.root()?.subcommands?.first(where: { $0.commandName == name }) else {
            return nil
        }
        let excluded = excluded(from: command)
        return command.arguments?.compactMap { argument in
            guard let name = argument.longName, !excluded.contains(name) else { return nil }
            switch argument.kind {
            case .flag: return Option(flag: "--" + name, kind: .flag)
            case .option: return Option(flag: "--" + name, kind: argument.isRepeating ? .repeatable : .single)
            case .positional: return nil
            }
        }
    }

    /// The options of a command that only the command line sets.
    private static func excluded(from command: CommandDescription) -> Set<String> {
        var excluded: Set = ["help", "version"]
        if command.readsCaptures {
            excluded.formUnion(CommandDescription.parsed(SelectionProbe._dumpHelp())?.options ?? [])
            // Limits the selected envelopes; the text to erase by.
            excluded.formUnion(["limit", "matching"])
        }
        // The record directory of `run` must not receive the demo's chat.
        if command.commandName == DemoCommand.configuration.commandName { excluded.insert("record") }
        // A bench loads its Redis to the limit: it must be named explicitly.
        if command.commandName == BenchCommand.configuration.commandName { excluded.insert("redis") }
        return excluded
    }

    /// Has the options that select within a capture, and no others.
    private struct SelectionProbe: ParsableCommand {
        @OptionGroup var selection: SelectionOptions
    }
}
