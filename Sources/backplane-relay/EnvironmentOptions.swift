import ArgumentParser
import FoundationEssentials

/// Lets every option be set by the environment: `--segment-size` by `BACKPLANE_RELAY_SEGMENT_SIZE`.
///
/// An option on the command line wins. A repeatable option takes a comma-separated list, a flag `true` or `1`.
enum EnvironmentOptions {
    static let prefix = "BACKPLANE_RELAY_"

    /// The variables that are set.
    static var variables: [String] {
        ProcessInfo.processInfo.environment.keys.filter { $0.hasPrefix(prefix) }
    }

    static func merged(
        into arguments: [String], environment: [String: String] = ProcessInfo.processInfo.environment
    ) -> [String] {
        guard environment.keys.contains(where: { $0.hasPrefix(prefix) }),
            let name = arguments.first, let options = options(of: name)
        else { return arguments }
        var merged = arguments
        for option in options where !arguments.contains(where: { $0 == option.flag || $0.hasPrefix(option.flag + "=") })
        {
            guard let value = environment[option.variable], !value.isEmpty else { continue }
            switch option.kind {
            case .flag:
                if ["1", "true", "yes"].contains(value.lowercased()) { merged.insert(option.flag, at: 1) }
            case .single:
                merged.insert("\(option.flag)=\(value)", at: 1)
            case .repeatable:
                let values = value.split(separator: ",").map { "\(option.flag)=\($0)" }
                merged.insert(contentsOf: values, at: 1)
            }
        }
        return merged
    }

    private struct Option {
        enum Kind { case flag, single, repeatable }

        let flag: String
        let kind: Kind

        var variable: String {
            prefix + flag.drop { $0 == "-" }.uppercased().map { $0 == "-" ? "_" : String($0) }.joined()
        }
    }

    /// Asked of the parser itself, so that no option can be forgotten here.
    private static func options(of command: String) -> [Option]? {
        guard let help = try? JSONDecoder().decode(Help.self, from: Data(BackplaneRelay._dumpHelp().utf8)),
            let subcommand = help.command.subcommands?.first(where: { $0.commandName == command })
        else { return nil }
        return subcommand.arguments?.compactMap { argument in
            guard let name = argument.names?.first(where: { $0.kind == "long" })?.name, name != "help",
                name != "version"
            else { return nil }
            let kind: Option.Kind
            switch argument.kind {
            case "flag": kind = .flag
            case "option": kind = argument.isRepeating ? .repeatable : .single
            default: return nil
            }
            return Option(flag: "--" + name, kind: kind)
        }
    }

    // The part of the parser's own description of its commands that is needed here.
    private struct Help: Decodable {
        struct Command: Decodable {
            let commandName: String
            let subcommands: [Command]?
            let arguments: [Argument]?
        }
        struct Argument: Decodable {
            struct Name: Decodable {
                let kind: String
                let name: String
            }
            let kind: String
            let names: [Name]?
            let isRepeating: Bool
        }
        let command: Command
    }
}
