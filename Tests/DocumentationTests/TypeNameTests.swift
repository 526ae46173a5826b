import Foundation
import Testing

/// A type name is used once in all modules.
@Suite struct TypeNameTests {
    private static let sources = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "Sources")

    /// Nested types are distinguished by their owner's name, and private types are visible in one file only: both are
    /// ignored.
    @Test func `no two modules have a type of the same name`() throws {
        var modules: [String: Set<String>] = [:]
        for (module, text) in try Self.files() {
            for name in Self.names(in: text) { modules[name, default: []].insert(module) }
        }
        #expect(modules.count > 300, "too few declarations were found: does the pattern still match?")
        for (name, modules) in modules where modules.count > 1 {
            Issue.record("\(name) is a type of \(modules.sorted().joined(separator: " and of "))")
        }
    }

    @Test func `declarations are found`() {
        let text = """
            package struct A: Sendable {
                struct Inside {}
            }
            @frozen public indirect enum B {}
            final class C {}
            @Suite(.serialized) struct D {}
            private enum Hidden {}
            fileprivate typealias HiddenToo = Int
            typealias E = Int
            extension F {}
            public protocol G {}
            package actor H {}
            """
        #expect(Self.names(in: text) == ["A", "B", "C", "D", "E", "G", "H"])
    }

    /// Reading a clock, knowing a calendar, and describing error numbers each belong to one module.
    @Test(arguments: [
        ("Time", #"\b(clock_gettime|gettimeofday|gmtime(_r)?|localtime(_r)?|mktime|timegm)\b"#),
        ("Time", #"\btime\((nil|&)"#), ("Time", #"\bDate\(\)|\bDate\.now\b|\b146_?097\b"#),
        ("", #"\bstrerror(_r)?\b"#),
    ])
    func `one module only`(owner: String, pattern: String) throws {
        let found = try Regex(pattern)
        for (module, text) in try Self.files() where module != owner {
            #expect(text.firstMatch(of: found) == nil, "\(module) declares it, too")
        }
    }

    private static func files() throws -> [(module: String, text: String)] {
        let files = FileManager.default.enumerator(atPath: sources.path)?.compactMap { $0 as? String } ?? []
        return try files.filter { $0.hasSuffix(".swift") }.map { file in
            let text = try String(contentsOf: sources.appending(path: file), encoding: .utf8)
            return (String(file.prefix { $0 != "/" }), text)
        }
    }

    private static func names(in text: String) -> [String] {
        text.matches(
            of:
                /(?m)^(?:@\w+(?:\([^)]*\))? )*(?:(?:public|package|internal|final|indirect|nonisolated) )*(?:struct|class|enum|protocol|actor|typealias) (\w+)/
        ).map { String($0.output.1) }
    }
}
