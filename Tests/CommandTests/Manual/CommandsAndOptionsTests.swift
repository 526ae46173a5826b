import ArgumentParser
import Foundation
import Testing

@testable import backplane_relay

@Suite struct CommandsAndOptionsTests {
    private static let variable = "RENEW_MANUAL"
    private static let article = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Sources/backplane-relay/Documentation.docc/CommandsAndOptions.md")

    @Test func `the article matches the argument parser`() throws {
        let text = try CommandsArticle.text()
        if ProcessInfo.processInfo.environment[Self.variable] == "1" {
            try text.write(to: Self.article, atomically: true, encoding: .utf8)
            return
        }
        let written = try String(contentsOf: Self.article, encoding: .utf8)
        let pairs = zip(written.split(separator: "\n"), text.split(separator: "\n"))
        let difference = pairs.first { $0 != $1 }.map { "it has '\($0)', the program '\($1)'" } ?? "it is cut off"
        // Without the texts, which would fill the screen.
        let isCurrent = written == text
        #expect(
            isCurrent,
            "CommandsAndOptions.md is stale: \(difference). Renew it: \(Self.variable)=1 swift test --filter CommandsAndOptionsTests"
        )
    }
}

/// The article "Commands and options", generated from the argument parser's description.
enum CommandsArticle {
    static func text() throws -> String {
        let help = try JSONDecoder().decode(Help.self, from: Data(BackplaneRelay._dumpHelp().utf8))
        let commands = (help.command.subcommands ?? []).filter { $0.commandName != "help" }
        var text = """
            # Commands and options

            Which options does each command take? This article is generated from the program's own help; `backplane-relay COMMAND
            --help` prints the same.

            Every option can also be set by an environment variable: `BACKPLANE_RELAY_` and its name in capitals, so
            `--segment-size` is `BACKPLANE_RELAY_SEGMENT_SIZE`. A repeatable option takes a comma-separated list, a flag `1` or
            `true`. Put addresses with passwords there, not on the command line. What selects within a capture (`--channel`,
            `--hub`, `--from`, `--limit`, ...) is taken from the command line alone, so a variable meant for `run` hides nothing
            from `cat`, `info`, `export` or `replay`. `demo` does not take `--record` from the environment,
            nor `bench` `--redis`.

            An option without effect (`--retain-size` without `--record`) is refused with exit status 64; if it came from a
            variable, the variable is named. A mistyped command or option is refused with a suggestion.

            | exit status | meaning |
            |---|---|
            | 0 | done |
            | 1 | failed; also if standard output cannot be written |
            | 3 | done, but envelopes were lost while recording should have run, or something is damaged |
            | 64 | wrong usage |
            | 130 | `demo` or `bench` was ended by SIGINT or SIGTERM; `replay` by a second Ctrl-C |

            Results go to standard output, logs to standard error. Long readings show their progress on standard error if it
            is a terminal (`cat` only if its output goes elsewhere). A command ends silently when its reader does
            (`| head -1`).

            | command | what it does |
            |---|---|

            """
        for command in commands {
            text += "| [\(command.commandName)](#\(command.commandName)) | \(line(command.abstract ?? "")) |\n"
        }
        for command in commands { text += "\n" + section(command) }
        return text
    }

    private static func section(_ command: Command) -> String {
        var text = "## \(command.commandName)\n\n\(line(command.abstract ?? ""))\n"
        text += discussion(command.discussion ?? "")
        let arguments = (command.arguments ?? []).filter { $0.shouldDisplay && !$0.isCommon }
        var titles: [String] = []
        for argument in arguments where !titles.contains(argument.sectionTitle ?? "") {
            titles.append(argument.sectionTitle ?? "")
        }
        for title in titles {
            if titles.count > 1 { text += "\n**\(title.isEmpty ? "Options" : title)**\n" }
            text += "\n| option | default | meaning |\n|---|---|---|\n"
            for argument in arguments where argument.sectionTitle ?? "" == title { text += row(argument) }
        }
        return text
    }

    private static func row(_ argument: Argument) -> String {
        var name = argument.names?.map(\.flag).joined(separator: ", ") ?? ""
        if argument.kind != "flag" {
            let value = "<\(argument.valueName ?? "")>" + (argument.isRepeating ? "..." : "")
            name += name.isEmpty ? value : " \(value)"
        }
        let none = argument.isOptional ? "" : "required"
        let standard = argument.defaultValue.map { "`\($0)`" } ?? none
        return "| `\(name)` | \(argument.kind == "flag" ? "off" : standard) | \(line(argument.abstract ?? "")) |\n"
    }

    /// Puts examples, which are indented, into a fence.
    private static func discussion(_ text: String) -> String {
        var result = ""
        for paragraph in text.split(separator: "\n\n") {
            let lines = paragraph.split(separator: "\n")
            let examples = lines.filter { $0.hasPrefix("  ") }
            guard !examples.isEmpty else {
                result += "\n\(line(String(paragraph)))\n"
                continue
            }
            result += "\n```sh\n\(examples.map { $0.dropFirst(2) }.joined(separator: "\n"))\n```\n"
        }
        return result
    }

    /// One line, with Markdown's special characters escaped.
    private static func line(_ text: String) -> String {
        text.split(whereSeparator: \.isNewline).joined(separator: " ").map { character in
            "\\*|<`".contains(character) ? "\\\(character)" : String(character)
        }.joined()
    }

    private struct Help: Decodable { let command: Command }

    private struct Command: Decodable {
        let commandName: String
        let abstract: String?
        let discussion: String?
        let subcommands: [Command]?
        let arguments: [Argument]?
    }

    private struct Argument: Decodable {
        struct Name: Decodable {
            let kind: String
            let name: String

            var flag: String { (kind == "long" ? "--" : "-") + name }
        }

        let kind: String
        let shouldDisplay: Bool
        let sectionTitle: String?
        let isOptional: Bool
        let isRepeating: Bool
        let names: [Name]?
        let valueName: String?
        let defaultValue: String?
        let abstract: String?

        var isCommon: Bool { names?.contains { ["help", "version"].contains($0.name) } ?? false }
    }
}
