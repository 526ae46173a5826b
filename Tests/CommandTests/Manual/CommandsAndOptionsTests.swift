import Foundation
import Testing

@Suite struct CommandsAndOptionsTests {
    private static let variable = "RENEW_MANUAL"
    private static let article = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().deletingLastPathComponent()
        .appending(path: "Sources/backplane-relay/Documentation.docc/CommandsAndOptions.md")

    @Test func `the article says what the argument parser says`() throws {
        let text = try CommandsArticle.text()
        if ProcessInfo.processInfo.environment[Self.variable] == "1" {
            try text.write(to: Self.article, atomically: true, encoding: .utf8)
            return
        }
        let written = try String(contentsOf: Self.article, encoding: .utf8)
        let pairs = zip(written.split(separator: "\n"), text.split(separator: "\n"))
        let difference = pairs.first { $0 != $1 }.map { "it has '\($0)', the program '\($1)'" } ?? "it is cut off"
        // Not the texts themselves, which would fill the screen.
        let isCurrent = written == text
        #expect(
            isCurrent,
            "CommandsAndOptions.md is stale: \(difference). Renew it: \(Self.variable)=1 swift test --filter CommandsAndOptionsTests"
        )
    }
}
