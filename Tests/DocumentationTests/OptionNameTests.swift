import Foundation
import Testing

/// Modules below the executable name no option of the command line and no variable that sets one: an error names what
/// is missing, and the command adds the option.
@Suite struct OptionNameTests {
    private static let sources = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "Sources")

    /// Looks like an option of this program but is not one; each with the reason.
    private static let allowed: [String: Set<String>] = [
        // Arguments of redis-server.
        "Loopback/RedisServerProcess.swift": [
            "--port", "--bind", "--save", "--appendonly", "--daemonize", "--client-output-buffer-limit",
        ],
        // Keeps the relay's variables, which may hold secrets, from the archive command.
        "Relay/Housekeeping/ShellCommand.swift": ["BACKPLANE_RELAY_"],
    ]

    @Test func `no text below the executable names an option`() throws {
        let files = FileManager.default.enumerator(atPath: Self.sources.path)?.compactMap { $0 as? String } ?? []
        let below = files.filter {
            [".swift", ".js", ".html"].contains(where: $0.hasSuffix) && !$0.hasPrefix("backplane-relay/")
                && !$0.hasPrefix("BuildCommit/")
        }
        #expect(below.count > 100)
        for file in below {
            let text = try String(contentsOf: Self.sources.appending(path: file), encoding: .utf8)
            for (number, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
                for name in Self.names(in: line) where !Self.isAllowed(name, in: file) {
                    Issue.record("Sources/\(file):\(number + 1) names \(name)")
                }
            }
        }
    }

    @Test(arguments: [
        ("\"name it with --redis-ca-file\"", ["--redis-ca-file"]), ("// see --listen", []),
        ("let a = b // --listen", []),
        ("\"http://x --yes\"", ["--yes"]), ("\"(BACKPLANE_RELAY_REDIS)\"", ["BACKPLANE_RELAY_"]),
        ("<!--comment-->", []), ("\"-----BEGIN x\"", []), ("    in the middle of a text: --buffer", ["--buffer"]),
    ])
    func `names are found in texts, not in comments`(line: String, names: [String]) {
        #expect(Self.names(in: line[...]) == names)
    }

    private static func names(in line: Substring) -> [String] {
        // Fast path: most lines contain none.
        guard line.contains("--") || line.contains("BACKPLANE") else { return [] }
        return withoutComment(line).matches(of: /(?:^|[^-!])(--[a-z][a-z-]+|BACKPLANE_RELAY_)/).map {
            String($0.output.1)
        }
    }

    /// A comment starts at slashes that follow an even number of quotes.
    private static func withoutComment(_ line: Substring) -> Substring {
        let starts = line.indices.filter { line[$0...].hasPrefix("//") }
        let comment = starts.first { start in
            (start == line.startIndex || line[line.index(before: start)] != ":")
                && line[..<start].count { $0 == "\"" }.isMultiple(of: 2)
        }
        return comment.map { line[..<$0] } ?? line
    }

    private static func isAllowed(_ name: String, in file: String) -> Bool {
        allowed[file]?.contains(name) ?? false
    }
}
