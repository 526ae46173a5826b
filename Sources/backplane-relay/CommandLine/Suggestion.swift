import ArgumentParser
import Preflight
import Relay

/// Suggestions for mistyped commands and options.
enum Suggestion {
    /// - Returns: the nearest of `words`, if it is near enough.
    static func nearest(to word: String, among words: [String]) -> String? {
        let typed = word.lowercased()
        let limit = min(2, max(1, typed.count / 3))
        let near = words.map { (word: $0, distance: distance(typed, $0.lowercased())) }.filter { $0.distance <= limit }
        if let nearest = near.min(by: { $0.distance < $1.distance }) { return nearest.word }
        // An abbreviation, if it is unique.
        let begun = words.filter { typed.count >= 2 && $0.hasPrefix(typed) }
        return begun.count == 1 ? begun[0] : nil
    }

    static func distance(_ first: String, _ second: String) -> Int { NearName.distance(first, second) }

    /// The error in the first word of a command line, checked before the parser, which would only call it unexpected.
    ///
    /// - Returns: nil if it is a command, or missing.
    static func complaint(about arguments: [String], in root: CommandDescription) -> String? {
        guard let first = arguments.first else { return nil }
        let commands = (root.subcommands ?? []).map(\.commandName)
        if first == "help" {
            guard arguments.count > 1, !arguments[1].hasPrefix("-") else { return nil }
            return unknownCommand(arguments[1], among: commands)
        }
        guard first.hasPrefix("-") else {
            return unknownCommand(first, among: commands) ?? singleDash(in: arguments, of: first, root)
        }
        let name = String(first.prefix { $0 != "=" })
        let known = ["-h", "--help", "--version", "--generate-completion-script", "--experimental-dump-help", "--"]
        guard !known.contains(name), !name.hasPrefix("---") else { return nil }
        let option = String(name.drop { $0 == "-" })
        if let owner = root.subcommands?.first(where: { $0.options.contains(option) }), option != "help" {
            return
                "\(name) stands before the command; options follow it: backplane-relay \(owner.commandName) \(name) ..."
        }
        let meant = nearest(to: option, among: ["help", "version"]).map { "; did you mean '--\($0)'?" }
        return "unknown option '\(printable(name))'\(meant ?? "; 'backplane-relay --help' lists the commands")"
    }

    /// Whether it looks like a long option with one dash, which the parser takes for a group of short ones, including
    /// `-h`.
    static func hasSingleDash(_ argument: String) -> Bool {
        argument.count > 2 && argument.first == "-" && argument.dropFirst().first?.isLetter == true
    }

    private static func singleDash(
        in arguments: [String], of name: String, _ root: CommandDescription
    ) -> String? {
        let options = root.subcommands?.first { $0.commandName == name }?.options ?? []
        for (before, argument) in zip(arguments, arguments.dropFirst()) where hasSingleDash(argument) {
            // It may be the value of an option.
            if before.hasPrefix("--"), !before.contains("=") { continue }
            let option = String(argument.dropFirst().prefix { $0 != "=" })
            if options.contains(option) { return "'-\(option)' has one dash; write --\(option)" }
        }
        return nil
    }

    private static func unknownCommand(_ name: String, among commands: [String]) -> String? {
        guard !commands.contains(name), name != "help" else { return nil }
        let meant = nearest(to: name, among: commands + ["help"]).map { "; did you mean '\($0)'?" }
        return "unknown command '\(printable(name))'\(meant ?? "; 'backplane-relay --help' lists the commands")"
    }

    /// The parser suggests options only by edit distance, which may give an unrelated word.
    ///
    /// - Parameter message: the parser's full message.
    /// - Returns: the message with a better first line; unchanged if it is about something else.
    static func improved(_ message: String, command name: String, in root: CommandDescription) -> String {
        let start = "Error: Unknown option '"
        guard message.hasPrefix(start), let command = root.subcommands?.first(where: { $0.commandName == name }) else {
            return message
        }
        var lines = message.split(separator: "\n", omittingEmptySubsequences: false).map { String($0) }
        let typed = String(lines[0].dropFirst(start.count).prefix { $0 != "'" })
        let option = String(typed.drop { $0 == "-" }.prefix { $0 != "=" })
        let owners = (root.subcommands ?? []).filter { $0.options.contains(option) }.map(\.commandName)
        let remedy: String
        if let meant = nearest(to: option, among: command.options) {
            remedy = "; did you mean '--\(meant)'?"
        } else if !owners.isEmpty {
            remedy = "; it is one of \(owners.joined(separator: ", ")), not of \(name)"
        } else {
            remedy = ""
        }
        lines[0] = "Error: unknown option '\(printable(typed))'\(remedy)"
        return lines.joined(separator: "\n")
    }

    /// The typed word without control characters; hidden if it could be an address with a password.
    private static func printable(_ text: String) -> String {
        text.contains { "=@,;:".contains($0) } ? "..." : MessageLine.printable(text.utf8)
    }
}
