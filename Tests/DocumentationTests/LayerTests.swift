import Foundation
import Testing

/// No module knows one above it: `Package.swift` and the imports in `Sources` keep to the order below.
@Suite struct LayerTests {
    /// Ground floor first.
    private static let modules = [
        "CHiredis", "CZstd", "CDeflate", "CLZ4", "CSQLite", "COpenSSL", "CLinux", "JSON", "Time", "Cryptography",
        "Prometheus", "HTTPGuard", "MCAP", "Backplane", "Redis", "Capture", "Preflight", "Relay", "Forward", "Replay",
        "Export",
        "HubNode", "SignalRClient", "Loopback", "Check", "Demo", "Bench", "backplane-relay",
    ]
    /// Modules that may do no I/O, so import nothing but what is named here.
    private static let pure = [
        "JSON": Set<String>(), "Backplane": ["JSON", "Time"], "MCAP": ["CZstd", "CDeflate", "CLZ4"],
    ]

    private static let sources = URL(filePath: #filePath).deletingLastPathComponent().deletingLastPathComponent()
        .deletingLastPathComponent().appending(path: "Sources")

    @Test func `every module has its place`() throws {
        let found = try FileManager.default.contentsOfDirectory(atPath: Self.sources.path).filter {
            !["BuildCommit", "EmbedText"].contains($0)
        }
        #expect(Set(found) == Set(Self.modules))
    }

    @Test(arguments: modules) func `a module imports only what stands below it`(module: String) throws {
        let below = Set(Self.modules.prefix { $0 != module })
        for (file, imported) in try imports(of: module) where Self.modules.contains(imported) {
            #expect(below.contains(imported), "\(file) imports \(imported)")
        }
    }

    @Test(arguments: pure.keys.sorted()) func `a pure module imports no I/O`(module: String) throws {
        let allowed = (Self.pure[module] ?? []).union(["FoundationEssentials", "Glibc", "Musl"])
        for (file, imported) in try imports(of: module) {
            #expect(allowed.contains(imported), "\(file) imports \(imported)")
        }
    }

    @Test func `Package.swift declares no dependency that is not imported, and none upwards`() throws {
        let manifest = try String(
            contentsOf: Self.sources.deletingLastPathComponent().appending(path: "Package.swift"), encoding: .utf8)
        for module in Self.modules.drop(while: { $0 != "CLinux" }) {
            let declared = try #require(
                Self.dependencies(of: module, in: manifest), "\(module) is not in Package.swift")
            let imported = Set(try imports(of: module).map(\.imported)).intersection(Self.modules)
            #expect(Set(declared) == imported, "\(module)")
        }
    }

    /// The names in quotes in the `dependencies` of a target, products of other packages left out.
    private static func dependencies(of module: String, in manifest: String) -> [String]? {
        let targets = manifest.split(separator: /\n        \.(target|executableTarget)\(/)
        guard
            let target = targets.first(where: { $0.contains("name: \"\(module)\"") && !$0.contains("// swift-tools") })
        else { return nil }
        guard let list = target.firstMatch(of: /dependencies: \[([^\]]*)\]/)?.output.1 else { return [] }
        let own = list.replacing(/\.product\([^)]*\)/, with: "")
        return own.matches(of: /"([^"]+)"/).map { String($0.output.1) }
    }

    private func imports(of module: String) throws -> [(file: String, imported: String)] {
        let folder = Self.sources.appending(path: module)
        let files = FileManager.default.enumerator(atPath: folder.path)?.compactMap { $0 as? String } ?? []
        return try files.filter { $0.hasSuffix(".swift") }.flatMap { file in
            let text = try String(contentsOf: folder.appending(path: file), encoding: .utf8)
            return text.matches(of: /(?m)^ *(?:@\w+ )*(?:public |package |internal )?import (?:\w+ )?([\w]+)/).map {
                (file: "\(module)/\(file)", imported: String($0.output.1))
            }
        }
    }
}
