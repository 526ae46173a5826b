import Foundation
import Testing

@testable import backplane_relay

/// Every fenced block is run, compared or parsed by a test, or an exception with its reason.
@Suite struct BlockInventoryTests {
    /// Languages of blocks, and what a test does with them.
    private static let languages = [
        "sh": "DocumentedCommandTests runs each command",
        "console": "DocumentedOutputTests runs each command and compares its output",
        "log": "DocumentedOutputTests finds the lines in a real log",
        "redis": "DocumentedCommandTests gives the rules to a real Redis, and attaches with them",
        "python": "DocumentedCommandTests runs it with a real capture",
        "sql": "DocumentedCommandTests runs it with a real export",
        "yaml": "DocumentedConfigurationTests: promtool reads it, or a relay runs with it",
        "ini": "DocumentedConfigurationTests",
        "dockerfile": "DocumentedConfigurationTests",
        "nginx": "DocumentedConfigurationTests: a real nginx passes requests on",
        "swift": "DocumentedCodeTests: the compiler of the tests accepts it",
        "js": "DocumentedCodeTests: Node.js runs it",
        "text": "a diagram, whose names ManualTests looks up",
    ]

    @Test func `every block has a language that a test knows`() throws {
        let blocks = try FencedBlock.all()
        #expect(blocks.count > 80)
        for block in blocks {
            #expect(Self.languages[block.language] != nil, "\(block): no test reads '\(block.language)' blocks")
        }
        for language in Self.languages.keys.sorted() {
            #expect(blocks.contains { $0.language == language }, "there is no '\(language)' block")
        }
    }

    @Test func `only HowItIsBuilt has diagrams`() throws {
        for block in try FencedBlock.all("text") {
            #expect(block.file.hasSuffix("/HowItIsBuilt.md"), "\(block): run it, or compare it with something")
        }
    }

    @Test func `console blocks begin with a command, shell blocks have no prompt`() throws {
        for block in try FencedBlock.all() {
            #expect(block.text.hasPrefix("$ ") == (block.language == "console"), "\(block)")
        }
    }

    @Test func `every exception stands in a text`() throws {
        let commands = try FencedBlock.all("sh").flatMap(\.commands)
        for exception in ShellRules.exceptions {
            #expect(commands.contains { $0.hasPrefix(exception.start) }, "nothing begins with '\(exception.start)'")
        }
        for status in ShellRules.statuses {
            let all = commands + (try FencedBlock.all("console").flatMap(\.samples).map(\.command))
            #expect(all.contains { $0.hasPrefix(status.start) }, "nothing begins with '\(status.start)'")
        }
    }

    /// Such as `run --check-only` or `Tests/run pure`.
    @Test(arguments: Documents.texts) func `what is named within a line exists`(path: String) throws {
        let commands = try #require(CommandDescription.root()?.subcommands)
        let lines = try Documents.text(path).replacing(/```.*?```/.dotMatchesNewlines(), with: "")
        for span in lines.matches(of: /`([^`]+)`/).map(\.output.1) {
            let words = span.prefix { $0 != "|" }.split { $0 == " " || $0 == "\n" }
            let name = words.first == "backplane-relay" ? words.dropFirst().first : words.first
            if let name, let command = commands.first(where: { $0.commandName == name }) {
                for word in words.filter({ $0.hasPrefix("--") }) {
                    let option = word.dropFirst(2).prefix { $0 != "=" }
                    #expect(command.options.contains(String(option)), "\(path): `\(span)`")
                }
            }
            if let file = words.first, file.hasPrefix("Tests/") || file.hasPrefix("Sources/"), !file.contains("*") {
                #expect(
                    FileManager.default.fileExists(atPath: Documents.root.appending(path: String(file)).path),
                    "\(path): `\(span)`")
            }
        }
    }

    @Test func `blocks are found with their language and line, indented ones too`() {
        let text = "a\n```sh\nb \\\n  c\n# d\ne\n```\n- f\n\n  ```console\n  $ g\n    h\n\n  $ i\n  ```\n"
        let blocks = FencedBlock.find(in: text, "x.md")
        #expect(blocks.map(\.description) == ["x.md:2", "x.md:10"])
        #expect(blocks.map(\.language) == ["sh", "console"])
        #expect(blocks[0].commands == ["b c", "e"])
        #expect(blocks[1].samples.map(\.command) == ["g", "i"])
        #expect(blocks[1].samples.map(\.lines) == [["  h", ""], []])
    }

    @Test(arguments: [
        ("latency     p50 36.0 ms, p99 1.2 s", "latency     p50 1 s, p99 181.3 ms", true),
        ("envelopes     1,082 of 120 B to 3.2 KiB", "envelopes     2 of 1 MiB to 9 MiB", true),
        ("missing       nothing", "missing       something", false),
        ("disk  9 MiB/s written and forced", "disk  1 KiB/s written with fsync", false),
        ("2026-11-29T15:11:33.244557906Z  7", "2027-01-01T00:00:00.5Z  8", true),
    ])
    func `figures are not compared, words are`(first: String, second: String, areEqual: Bool) {
        #expect((OutputMask.masked(first) == OutputMask.masked(second)) == areEqual)
    }
}
