import Foundation
import Testing

/// No module depends on one above it: `Package.swift` and the imports in `Sources` keep the order below.
@Suite struct LayerTests {
    /// Lowest layer first. `Forward` and `LivePage` are above `Relay` because they consume its events (`RelayConsumer`);
    /// `Replay` and `Export` need nothing of it.
    private static let modules = [
        "CHiredis", "CZstd", "CDeflate", "CLZ4", "CSQLite", "COpenSSL", "CLinux", "JSON", "Time", "Cryptography",
        "Prometheus", "HTTPGuard", "MCAP", "Backplane", "TLS", "Redis", "Capture", "MessageLines", "Preflight", "Relay",
        "LivePage", "Forward", "Replay", "Export", "HubNode", "SignalRClient", "Loopback", "Check", "Demo", "Bench",
        "backplane-relay",
    ]
    /// Modules that must not do I/O, so they import only the modules named here.
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

    @Test(arguments: modules) func `a module imports only lower modules`(module: String) throws {
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

    /// The names in quotes in the `dependencies` of a target, without products of other packages.
    private static func dependencies(of module: String, in manifest: String) -> [String]? {
        let targets = manifest.split(separator: /\n        \.(target|executableTarget)\(/)
        guard
            let target = targets.first(where: { $0.contains("name: \"\(module)\"") && !$0.contains("// swift-tools") })
        else { return nil }
        guard let list = target.firstMatch(of: /dependencies: \[([^\]]*)\]/)?.output.1 else { return [] }
        let own = list.replacing(/\.product\([^)]*\)/, with: "")
        return own.matches(of: /"([^"]+)"/).map { String($0.output.1) }
    }

    @Test(arguments: modules)
    func `no two folders of a module know each other`(module: String) throws {
        let folders = try folders(of: module)
        for (first, one) in folders {
            for (second, other) in folders where first < second {
                let there = one.words.intersection(other.types.subtracting(one.types))
                let back = other.words.intersection(one.types.subtracting(other.types))
                #expect(
                    there.isEmpty || back.isEmpty,
                    "\(module): \(first) uses \(there.sorted()), \(second) uses \(back.sorted())")
            }
        }
    }

    /// By folder of a module: the types declared in it, and all words of its code.
    private func folders(of module: String) throws -> [String: (types: Set<String>, words: Set<String>)] {
        let folder = Self.sources.appending(path: module)
        let files = FileManager.default.enumerator(atPath: folder.path)?.compactMap { $0 as? String } ?? []
        var folders: [String: (types: Set<String>, words: Set<String>)] = [:]
        for file in files where file.hasSuffix(".swift") && file.contains("/") {
            let text = try String(contentsOf: folder.appending(path: file), encoding: .utf8)
                .replacing(/"""(?s:.*?)"""|"(?:\\.|[^"\\\n])*"|\/\/.*/, with: "")
            let name = String(file.prefix { $0 != "/" })
            let types = text.matches(
                of: /(?m)^(?:(?:package|public|private|final|indirect) )*(?:struct|class|enum|protocol|actor) (\w+)/
            ).map { String($0.output.1) }
            folders[name, default: ([], [])].types.formUnion(types)
            folders[name, default: ([], [])].words.formUnion(
                text.split { !$0.isLetter && !$0.isNumber && $0 != "_" }.map(String.init))
        }
        return folders
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
