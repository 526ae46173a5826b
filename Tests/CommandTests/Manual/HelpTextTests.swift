import ArgumentParser
import Foundation
import Testing

@testable import backplane_relay

/// Help as shown in a terminal of 80 columns.
@Suite struct HelpTextTests {
    private static let commands = BackplaneRelay.configuration.subcommands

    private static func help(_ command: any ParsableCommand.Type) -> [Substring] {
        BackplaneRelay.helpMessage(for: command, columns: 80)
            .split(separator: "\n", omittingEmptySubsequences: false)
    }

    @Test func `no example breaks in the middle`() {
        for command in Self.commands + [BackplaneRelay.self] {
            let examples = command.configuration.discussion.split(separator: "\n").filter { $0.hasPrefix("  ") }
            #expect(!examples.isEmpty, "\(command.configuration.commandName ?? "") has no example")
            let help = Set(Self.help(command))
            for example in examples {
                #expect(help.contains(example), "it does not fit into 80 columns: \(example)")
            }
        }
    }

    @Test func `no paragraph is wrapped twice`() {
        for command in Self.commands + [BackplaneRelay.self] {
            for paragraph in command.configuration.discussion.split(separator: "\n\n") {
                let lines = paragraph.split(separator: "\n")
                guard !lines.contains(where: { $0.hasPrefix("  ") }) else { continue }
                #expect(lines.count == 1, "end its lines with a backslash: \(paragraph)")
            }
        }
    }

    @Test(arguments: ["erase", "merge", "diff"]) func `a command that refuses a pipe offers no standard input`(
        name: String
    ) throws {
        let command = try #require(Self.commands.first { $0.configuration.commandName == name })
        #expect(!Self.help(command).joined(separator: " ").contains("standard input"))
    }

    @Test func `a value's name says what it is, and many options are in groups`() throws {
        for command in try #require(CommandDescription.root()).subcommands ?? [] {
            for argument in command.arguments ?? [] {
                guard argument.kind == .option, let name = argument.longName, name.contains("-") else { continue }
                #expect(
                    argument.valueName != name,
                    "\(command.commandName) --\(name): give its help a valueName, such as <url>, <dir>, <size>")
            }
        }
        for command in Self.commands {
            let help = Self.help(command)
            let options = help.count { $0.hasPrefix("  --") }
            let groups = help.count { $0.hasSuffix(":") && $0.first?.isUppercase == true && $0.uppercased() == $0 }
            #expect(options < 12 || groups > 1, "\(command.configuration.commandName ?? "")")
        }
    }
}
