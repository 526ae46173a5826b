import Foundation

@testable import backplane_relay

/// The texts that an operator or a developer reads: README, manual, dashboards, the documentation of the library.
enum Documents {
    /// Of the repository.
    static let root = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent()
    static let library = files(below: "Sources/HubNode/Documentation.docc", ending: ".md")
    /// Paths from the root.
    static let texts =
        ["README.md", "dashboards/README.md"]
        + ManualTopic.all.map { "Sources/backplane-relay/Documentation.docc/\($0.file).md" } + library

    static func text(_ path: String) throws -> String {
        try String(contentsOf: root.appending(path: path), encoding: .utf8)
    }

    /// Paths from the root, sorted.
    static func files(below folder: String, ending: String) -> [String] {
        let found = FileManager.default.enumerator(atPath: root.appending(path: folder).path)
        return (found?.compactMap { $0 as? String } ?? []).filter { $0.hasSuffix(ending) }.map { "\(folder)/\($0)" }
            .sorted()
    }
}

/// A fenced block of a text.
struct FencedBlock: Sendable, CustomStringConvertible {
    /// From the root of the repository.
    let file: String
    /// The line of the opening fence, from 1.
    let line: Int
    /// What follows the opening fence, such as `sh`; empty if nothing does.
    let language: String
    /// Without the fences, and without the indentation of the opening fence.
    let text: String

    var description: String { "\(file):\(line)" }

    /// All blocks of all texts.
    static func all() throws -> [FencedBlock] { try Documents.texts.flatMap { find(in: try Documents.text($0), $0) } }

    static func all(_ language: String) throws -> [FencedBlock] { try all().filter { $0.language == language } }

    static func find(in text: String, _ file: String) -> [FencedBlock] {
        var blocks: [FencedBlock] = []
        var open: (line: Int, indentation: Int, language: String, lines: [Substring])?
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let indentation = line.prefix { $0 == " " }.count
            if line.dropFirst(indentation).hasPrefix("```") {
                if let block = open {
                    blocks.append(
                        FencedBlock(
                            file: file, line: block.line, language: block.language,
                            text: block.lines.joined(separator: "\n")))
                    open = nil
                } else {
                    open = (index + 1, indentation, String(line.dropFirst(indentation + 3)), [])
                }
            } else if let block = open {
                let blanks = min(indentation, block.indentation)
                open?.lines.append(line.dropFirst(blanks))
            }
        }
        return blocks
    }

    /// The commands of a shell block, one a line, without comments.
    var commands: [String] {
        text.replacing(/\\\n\s*/, with: "").split(separator: "\n").filter { !$0.hasPrefix("#") }.map(String.init)
    }

    /// The commands of a console block, each with the lines that it prints.
    var samples: [Sample] {
        ("\n" + text).components(separatedBy: "\n$ ").dropFirst().map { part in
            let lines = part.split(separator: "\n", omittingEmptySubsequences: false).map(String.init)
            return Sample(block: self, command: lines[0], lines: Array(lines.dropFirst()))
        }
    }

    struct Sample: Sendable, CustomStringConvertible {
        let block: FencedBlock
        let command: String
        /// What it prints; `...` stands for further lines.
        let lines: [String]

        var description: String { "\(block): \(command)" }
    }
}
