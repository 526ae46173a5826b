import Foundation
import Preflight
import Redis
import Testing

/// The tables of what is lost without a command, or without a field of INFO, are those of the program.
@Suite struct CommandTableTests {
    private static func rows(below head: String) throws -> [[String]] {
        let article = try Documents.text("Sources/backplane-relay/Documentation.docc/Attach.md")
        let table = try #require(article.components(separatedBy: head).dropFirst().first)
        return table.components(separatedBy: "\n\n")[0].split(separator: "\n").dropFirst().map { row in
            row.replacing("`", with: "").split(separator: "|").map { String($0.dropFirst().dropLast()) }
        }
    }

    @Test func `the manual says what is lost without each command`() throws {
        let rows = try Self.rows(below: "| command | lost without it |\n")
        #expect(Set(rows) == Set(AskedCommand.allCases.map { [$0.title, $0.loss] }))
        #expect(rows.count == AskedCommand.allCases.count)
    }

    @Test func `the manual says what is lost without each field`() throws {
        let rows = try Self.rows(below: "| field of `INFO` | section | lost without it |\n")
        #expect(Set(rows) == Set(InfoField.allCases.map { [$0.rawValue, $0.section, $0.loss] }))
    }
}
