import ArgumentParser
import Backplane
import Preflight
import Redis
import Relay

/// The expected form of a value, for options where the parser only says that it is invalid.
enum ArgumentForms {
    private static let size = "a size above 0, such as 64MiB, 10GB or 4096 (bytes)"
    private static let span = "a time above 0 with its unit, such as 200ms, 20s, 15m, 1h or 7d"
    private static let number = "a whole number, such as 10"

    /// By the option's name.
    private static let forms: [String: String] = [
        "buffer": size, "forward-buffer": size, "segment-size": size, "retain-size": size, "payload-size": size,
        "size": size, "bytes": size,
        "tap-full-sync-limit": "a size above 0, such as 512MiB or 4GiB, or 'any'",
        "min-free-disk": "a size such as 1GiB, or 0 for no limit",
        "duration": span, "interval": span, "ping": span, "horizon": span, "cap-gap": span, "retain-age": span,
        "segment-age": span, "markers": span,
        "segment-duration": span, "archive-timeout": span, "store-size": size, "max-envelope": size,
        "seconds": "seconds above 0, such as 5 or 0.5",
        "listen": "an address and its port, such as 127.0.0.1:9464, [::1]:9464 or :9464 (all addresses)",
        "fsync": "never, flush, or a time such as 1s",
        "speed": "a factor above 0 such as 1, 2.5 or 0.5, or max",
        "rate": "envelopes a second above 0, such as 500/s",
        "loop": "a number of rounds such as 3, or forever",
        "protocols": "names with commas: json,messagepack",
        "transport": "all, or names with commas: webSockets,serverSentEvents,longPolling,foreverFrame",
    ]

    /// - Parameter message: the parser's full message.
    /// - Returns: the message with the form added to its first line; unchanged if it is about something else, or
    ///   already contains it.
    static func improved(_ message: String) -> String {
        let start = "Error: The value '"
        guard message.hasPrefix(start) else { return message }
        var lines = message.split(separator: "\n", omittingEmptySubsequences: false).map { String($0) }
        let marker = "' is invalid for '"
        // The last occurrence: a value may contain the same words.
        guard
            let found = lines[0].indices.last(where: { lines[0][$0...].hasPrefix(marker) }),
            lines[0].hasSuffix("'")
        else { return message }
        let option = lines[0][lines[0].index(found, offsetBy: marker.count)...].dropLast()
        let name = option.drop { $0 == "-" }.prefix { $0 != " " }
        lines[0] += "; write \(forms[String(name)] ?? number)"
        return lines.joined(separator: "\n")
    }
}

/// Arguments after an address with a password: the shell may have split the password.
enum HiddenArguments {
    private static let addressOptions = ["--redis", "--to", "--forward"]

    /// The parser's message without these arguments, and with the remedy.
    static func concealed(_ message: String, arguments: [String]) -> String {
        guard message.holds("nexpected argument") else { return message }
        let tails = tails(in: arguments)
        guard !tails.isEmpty, tails.contains(where: { message.holds($0) }) else { return message }
        return
            "Error: \(tails.count == 1 ? "an argument comes" : "\(tails.count) arguments come") after an address that contains a password, and may be part of it: quote the address, or better put it into the environment (BACKPLANE_RELAY_REDIS)"
    }

    private static func tails(in arguments: [String]) -> [String] {
        var tails: [String] = []
        var isBehind = false
        var index = arguments.startIndex
        while index < arguments.endIndex {
            let argument = arguments[index]
            index += 1
            if addressOptions.contains(argument), index < arguments.endIndex {
                isBehind = !AddressSecrets.ranges(in: Array(arguments[index].utf8)).isEmpty
                index += 1
            } else if addressOptions.contains(where: { argument.hasPrefix($0 + "=") }) {
                isBehind = !AddressSecrets.ranges(in: Array(argument.utf8)).isEmpty
            } else if isBehind, argument.first != "-" {
                tails.append(argument)
            } else {
                isBehind = false
            }
        }
        return tails
    }
}

extension String {
    fileprivate func holds(_ needle: String) -> Bool {
        needle.isEmpty || indices.contains { self[$0...].hasPrefix(needle) }
    }
}

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
        text.contains { "=@,;:".contains($0) } ? "..." : PrintableText.line(text.utf8)
    }
}
