import ArgumentParser

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
