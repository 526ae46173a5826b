import ArgumentParser
import FoundationEssentials

/// A command and its options as described by the parser itself, so that none is missing.
struct CommandDescription: Decodable {
    struct Argument: Decodable {
        enum Kind: String, Decodable { case positional, option, flag }
        struct Name: Decodable {
            let kind: String
            let name: String
        }

        let kind: Kind
        let names: [Name]?
        let valueName: String?
        let isRepeating: Bool

        /// Without dashes; nil for a positional argument.
        var longName: String? { names?.first { $0.kind == "long" }?.name }
    }

    let commandName: String
    let subcommands: [CommandDescription]?
    let arguments: [Argument]?

    /// Names of the long options and flags, without dashes.
    var options: [String] { arguments?.compactMap(\.longName) ?? [] }

    /// Whether it takes captures to read.
    var readsCaptures: Bool { arguments?.contains { $0.kind == .positional && $0.valueName == "capture" } ?? false }

    /// The whole program; nil only if the parser's description has an unknown format.
    static func root() -> CommandDescription? { parsed(BackplaneRelay._dumpHelp()) }

    /// A command that consists only of an option group.
    static func parsed(_ help: String) -> CommandDescription? {
        struct Help: Decodable { let command: CommandDescription }
        return try? JSONDecoder().decode(Help.self, from: Data(help.utf8)).command
    }
}
