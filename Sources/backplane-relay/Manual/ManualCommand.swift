import ArgumentParser
import Backplane

struct ManualCommand: ParsableCommand {
    static let configuration = CommandConfiguration(
        commandName: "manual", abstract: "Print the manual, which is part of the program.",
        discussion: """
            Examples:
              backplane-relay manual
              backplane-relay manual troubleshooting | less
              backplane-relay manual metrics-and-alerts | grep -A1 BackplaneGaps

            Without a topic it lists the topics. A running relay serves the same text at /manual/.
            """)

    @Argument(help: "The topic to print.") var topic: String?

    func run() throws {
        guard let topic else {
            let width = ManualTopic.all.map(\.name.count).max() ?? 0
            return try StandardOutput.print(lines: ManualTopic.all.map { $0.name.padding(to: width + 2) + $0.title })
        }
        guard let found = ManualTopic.named(topic) else { throw ValidationError(ManualTopic.unknown(topic)) }
        // Anchors are for browsers only.
        let text = found.text.replacing(#/<a id="[^"]*"></a>/#, with: "")
        try StandardOutput.print(lines: text.split(separator: "\n", omittingEmptySubsequences: false).map(String.init))
    }
}

/// An article of the manual, as Markdown.
struct ManualTopic {
    /// `metrics-and-alerts`
    let name: String
    let title: String
    let text: String

    /// In the order of the table of contents.
    static let all: [ManualTopic] = {
        let topics = EmbeddedText.files.filter { $0.name.hasSuffix(".md") }.map { file in
            ManualTopic(file: String(file.name.dropLast(3)), text: file.text.description)
        }
        guard let contents = topics.first(where: { $0.name == "manual" })?.text else { return topics }
        // Articles that are not in the contents come last.
        func place(_ topic: ManualTopic) -> String.Index {
            topic.name == "manual"
                ? contents.startIndex : contents.firstRange(of: "(\(topic.file).md)")?.lowerBound ?? contents.endIndex
        }
        return topics.sorted { (place($0), $0.name) < (place($1), $1.name) }
    }()

    /// The table of contents.
    static var contents: ManualTopic? { all.first { $0.name == "manual" } }

    /// The name of its file, without `.md`: `MetricsAndAlerts`.
    let file: String

    private init(file: String, text: String) {
        self.file = file
        self.text = text
        name = Self.words(file)
        title = String(text.prefix { $0 != "\n" }.drop { $0 == "#" || $0 == " " })
    }

    /// - Parameter typed: case-insensitive, words separated by spaces or hyphens.
    static func named(_ typed: String) -> ManualTopic? {
        let name = normalized(typed)
        return all.first { $0.name == name } ?? all.first { normalized($0.title) == name }
    }

    /// - Parameter name: the file name without `.md`.
    static func file(_ name: String) -> ManualTopic? { all.first { $0.file == name } }

    static func unknown(_ typed: String) -> String {
        let hint = Suggestion.nearest(to: normalized(typed), among: all.map(\.name)).map { "; did you mean '\($0)'?" }
        return
            "the manual has no topic '\(PrintableText.line(typed))'\(hint ?? "; `backplane-relay manual` lists them")"
    }

    private static func normalized(_ text: String) -> String {
        String(text.lowercased().map { $0 == " " || $0 == "_" ? "-" : $0 })
    }

    /// Converts `MetricsAndAlerts` to `metrics-and-alerts`.
    private static func words(_ file: String) -> String {
        var words = ""
        for character in file {
            if character.isUppercase, !words.isEmpty { words += "-" }
            words += character.lowercased()
        }
        return words
    }
}
