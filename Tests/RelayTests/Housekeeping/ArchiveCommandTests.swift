import Foundation
import Testing

@testable import Relay

@Suite struct ArchiveCommandTests {
    struct Case: CustomTestStringConvertible, Sendable {
        var template: String
        var path = "/data/a.mcap"
        var expanded: String

        var testDescription: String { template }
    }

    static let cases = [
        Case(template: "cp %p /archive/%f", expanded: "cp /data/a.mcap /archive/a.mcap"),
        Case(template: "date +%%s", expanded: "date +%s"),
        Case(template: "%f", expanded: "a.mcap"),
        Case(template: "cp %p x", path: "/my data/a.mcap", expanded: "cp '/my data/a.mcap' x"),
        Case(template: "cp '%p' x", path: "/it's/a.mcap", expanded: #"cp '/it'\''s/a.mcap' x"#),
        Case(template: "cp %p x", path: "/it's/a.mcap", expanded: #"cp '/it'\''s/a.mcap' x"#),
        Case(template: #"cp "%p" x"#, path: #"/$(id)`"\"#, expanded: #"cp "/\$(id)\`\"\\" x"#),
        Case(template: #"echo \" %p"#, path: "/a b", expanded: #"echo \" '/a b'"#),
    ]

    @Test(arguments: cases) func expands(_ test: Case) throws {
        #expect(try ArchiveCommand(test.template).expanded(path: test.path, name: "a.mcap") == test.expanded)
    }

    @Test(arguments: ["cp %x", "cp %", "100%"]) func refusesUnknownPlaceholders(_ template: String) {
        #expect(throws: ArchiveCommand.UnknownPlaceholder.self) { _ = try ArchiveCommand(template) }
    }

    @Test func waitsGrowUpToAMinute() {
        var backoff = ArchiveBackoff()
        #expect((0..<8).map { _ in backoff.failed() } == [1, 2, 4, 8, 16, 32, 60, 60].map { .seconds($0) })
        backoff.succeeded()
        #expect(backoff.failed() == .seconds(1))
    }
}
