import Foundation

@testable import backplane_relay

/// The command lines of this program in a Markdown text, as a shell would split them.
struct CommandLines {
    let text: String
    /// Without the program's name.
    let arguments: [String]

    /// Those in fences that begin with the program, after an assignment or a `$`.
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
            // A variable before the command; who stands before `exec`, `sudo` or another program is not ours.
            let variables = words.prefix { $0.wholeMatch(of: /[A-Z_]+=.*/) != nil }
            let rest = words.dropFirst(variables.count)
            guard let program = rest.first, program == "backplane-relay" else { continue }
            let environment = variables.map { $0.split(separator: "=", maxSplits: 1).map(String.init) }
            var arguments = EnvironmentOptions.merged(
                into: Array(rest.dropFirst()),
                environment: Dictionary(environment.map { ($0[0], $0.count > 1 ? $0[1] : "") }) { _, last in last }
            ).arguments
            // An address that the reader is to have in the environment.
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

    /// Words by command: quotes are taken off, a redirection is left out.
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
