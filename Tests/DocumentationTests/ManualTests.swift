import ArgumentParser
import Foundation
import Testing

@testable import backplane_relay

/// Articles, anchors, commands, options, metrics and types named in README and manual exist.
@Suite struct ManualTests {
    @Test func `the contents name each article once`() throws {
        let contents = try #require(ManualTopic.contents)
        let named = MarkdownPage(contents.text).links
        #expect(Set(named) == Set(ManualTopic.all.filter { $0.name != contents.name }.map { $0.file + ".md" }))
        #expect(named.count == Set(named).count)
        #expect(!ManualTopic.all.contains { $0.title.isEmpty })
    }

    @Test(arguments: Documents.texts) func `every link leads to a file, and to an anchor in it`(path: String) throws {
        let folder = path.split(separator: "/").dropLast().joined(separator: "/")
        for link in MarkdownPage(try Documents.text(path)).links where !link.contains("://") {
            let parts = link.split(separator: "#", maxSplits: 1, omittingEmptySubsequences: false)
            let target =
                parts[0].isEmpty
                ? Documents.root.appending(path: path)
                : Documents.root.appending(path: folder).appending(path: String(parts[0]))
            guard FileManager.default.fileExists(atPath: target.path) else {
                Issue.record("\(path): \(link): there is no such file")
                continue
            }
            guard parts.count == 2 else { continue }
            let anchors = MarkdownPage(try String(contentsOf: target, encoding: .utf8)).anchors
            #expect(anchors.contains(String(parts[1])), "\(path): \(link)")
        }
    }

    @Test func `every option of every command is in the manual`() throws {
        let manual = ManualTopic.all.map(\.text).joined()
        let words = Set(manual.matches(of: /--[a-z][a-z0-9-]*/).map { String($0.output.dropFirst(2)) })
        let root = try #require(CommandDescription.root())
        for command in root.subcommands ?? [] {
            for option in command.options { #expect(words.contains(option), "\(command.commandName) --\(option)") }
        }
    }

    /// Names that a source registers or a dashboard queries.
    @Test func `every metric is in MetricsAndAlerts`() throws {
        let article = try #require(ManualTopic.file("MetricsAndAlerts")).text
        let written = Set(article.matches(of: /(?:signalr_backplane|backplane_relay|process)_[a-z_]+/).map(\.output))
        var names: Set<String> = []
        for file in Documents.files(below: "Sources", ending: ".swift") {
            let text = try Documents.text(file)
            for match in text.matches(of: /"((?:signalr_backplane|backplane_relay|process)_[a-z_]+[a-z])"/) {
                names.insert(String(match.output.1))
            }
            for match in text.matches(of: /\bprefix \+ "([a-z_]+)"/) {
                names.insert("signalr_backplane_" + match.output.1)
            }
        }
        let panels = Documents.files(below: "dashboards/grafana", ending: ".json")
        for file in panels + ["dashboards/prometheus/alerts.yaml"] {
            for match in try Documents.text(file).matches(
                of: /(?:^|[^:a-z_])((?:signalr_backplane|backplane_relay|process)_[a-z_]+[a-z])/)
            {
                names.insert(String(match.output.1))
            }
        }
        #expect(names.count > 80)
        for name in names.sorted() {
            let family = ["_bucket", "_sum", "_count"].first(where: name.hasSuffix).map { name.dropLast($0.count) }
            #expect(written.contains(name[...]) || written.contains(family ?? ""), "\(name)")
        }
    }

    @Test func `every name in the diagrams of HowItIsBuilt is a type`() throws {
        let article = try #require(ManualTopic.file("HowItIsBuilt")).text
        let sources = try Documents.files(below: "Sources", ending: ".swift").map { try Documents.text($0) }.joined()
        let types = Set(sources.matches(of: /\b(?:struct|class|enum|actor|protocol) (\w+)/).map(\.output.1))
        let diagrams = article.components(separatedBy: "```").enumerated().filter { $0.offset % 2 == 1 }.map(\.element)
        #expect(diagrams.count == 4)
        for name in Set(diagrams.joined().matches(of: /\b[A-Z][a-z]*[A-Z]\w+/).map(\.output)) {
            #expect(types.contains(name), "there is no type \(name)")
        }
    }

    /// The table gives the location of the types in the diagrams: each in a file of its name, in the folder of its row.
    @Test func `every type in the diagrams of HowItIsBuilt is in the folder that it names`() throws {
        let article = try #require(ManualTopic.file("HowItIsBuilt")).text
        let table = try #require(article.components(separatedBy: "| folder in `Sources` | types |\n|---|---|\n").last)
        var placed: Set<Substring> = ["WebSocketLine"]
        for row in table.prefix(upTo: table.range(of: "\n\n")?.lowerBound ?? table.endIndex).split(separator: "\n") {
            let cells = row.split(separator: "|").map { $0.matches(of: /`([A-Za-z0-9\/]+)`/).map(\.output.1) }
            let (folders, types) = (try #require(cells.first), try #require(cells.dropFirst().first))
            for type in types {
                let paths = folders.map { "Sources/\($0)/\(type).swift" }
                #expect(
                    paths.contains { FileManager.default.fileExists(atPath: Documents.root.appending(path: $0).path) },
                    "\(type) is in none of \(paths)")
                placed.insert(type)
            }
        }
        let diagrams = article.components(separatedBy: "```").enumerated().filter { $0.offset % 2 == 1 }.map(\.element)
        for name in Set(diagrams.joined().matches(of: /\b[A-Z][a-z]*[A-Z]\w+/).map(\.output)) {
            #expect(placed.contains(name), "the table does not say where \(name) is")
        }
    }

    @Test(arguments: Documents.texts) func `the parser accepts every command`(path: String) throws {
        for line in CommandLines.find(in: try Documents.text(path)) {
            let arguments = line.arguments
            do {
                _ = try BackplaneRelay.parseAsRoot(TapMode.completed(arguments))
            } catch {
                // The parser throws for help and version, with exit status 0.
                guard BackplaneRelay.exitCode(for: error) != .success else { continue }
                Issue.record("\(path): \(line.text): \(BackplaneRelay.message(for: error))")
            }
        }
    }
}

/// The commands of this program in a Markdown text, split like in a shell.
struct CommandLines {
    let text: String
    /// Without the name of the program.
    let arguments: [String]

    /// Commands in fences that start with the program's name, possibly after an assignment or a `$`.
    static func find(in markdown: String) -> [CommandLines] {
        let fences = markdown.components(separatedBy: "```").enumerated().filter { $0.offset % 2 == 1 }.map(\.element)
        return fences.flatMap { fence -> [CommandLines] in
            let joined = fence.replacing(/\\\n\s*/, with: " ")
            return joined.split(separator: "\n").flatMap { line in
                commands(of: String(line.drop { $0 == "$" || $0 == " " }))
            }
        }
    }

    private static func commands(of line: String) -> [CommandLines] {
        var found: [CommandLines] = []
        for words in split(line) {
            // A variable may precede the command; commands started by `exec`, `sudo` or another program are skipped.
            let variables = words.prefix { $0.wholeMatch(of: /[A-Z_]+=.*/) != nil }
            let rest = words.dropFirst(variables.count)
            guard let program = rest.first, program == "backplane-relay" else { continue }
            let environment = variables.map { $0.split(separator: "=", maxSplits: 1).map(String.init) }
            var arguments = EnvironmentOptions.merged(
                into: Array(rest.dropFirst()),
                environment: Dictionary(environment.map { ($0[0], $0.count > 1 ? $0[1] : "") }) { _, last in last }
            ).arguments
            // The address is expected in the reader's environment.
            if let command = arguments.first, ["run", "tail", "hub", "check", "channels"].contains(command),
                !arguments.contains(where: { $0.hasPrefix("--redis=") || $0 == "--redis" })
            {
                arguments += ["--redis", "127.0.0.1:6379"]
            }
            if arguments.first == "run", !arguments.contains("--channel") { arguments += ["--channel", "chat"] }
            if arguments.first == "help" || arguments == ["..."] { continue }
            found.append(CommandLines(text: line, arguments: arguments))
        }
        return found
    }

    /// Splits a command into words: removes quotes and redirections.
    private static func split(_ line: String) -> [[String]] {
        var commands: [[String]] = [[]]
        var word: String?
        var quote: Character?
        func end() {
            if let word { commands[commands.count - 1].append(word) }
            word = nil
        }
        for character in line {
            if let open = quote {
                if character == open { quote = nil } else { word = (word ?? "") + String(character) }
                continue
            }
            switch character {
            case "'", "\"":
                quote = character
                word = word ?? ""
            case " ": end()
            case "|", ";", "&", ">":
                end()
                commands.append([])
            case "#" where word == nil:
                end()
                return commands
            default: word = (word ?? "") + String(character)
            }
        }
        end()
        return commands
    }
}
