import Foundation
import TestSupport
import Testing

/// The commands on damaged files: they never crash, never print anything that was not recorded, and report what is
/// lost.
///
/// Samples only; MCAPTests and CaptureTests try every byte in process.
@Suite("Damage", .serialized, .needs(.redisServer))
struct DamageTests {
    private static let cuts = 200
    private static let flips = 300

    @Test("cut anywhere")
    func cut() async throws {
        try await withCapture { whole, lines, random in
            try await forEach((0..<Self.cuts).map { _ in Int.random(in: 1..<whole.count, using: &random) }) { cut in
                try await examine(whole.prefix(cut), lines: lines, what: "cut at \(cut) of \(whole.count)")
            }
        }
    }

    @Test("any byte flipped")
    func flip() async throws {
        try await withCapture { whole, lines, random in
            let flips = (0..<Self.flips).map { _ in
                (Int.random(in: 0..<whole.count, using: &random), UInt8.random(in: 1...255, using: &random))
            }
            try await forEach(flips) { offset, mask in
                var damaged = whole
                damaged[damaged.startIndex + offset] ^= mask
                try await examine(damaged, lines: lines, what: "byte \(offset) of \(whole.count) xor \(mask)")
            }
        }
    }

    /// Runs `cat` and `verify` on a damaged file.
    private func examine(_ file: Data, lines: [String], what: String) async throws {
        try await TemporaryDirectory.with { folder in
            let path = folder + "/damaged.mcap"
            try file.write(to: URL(fileURLWithPath: path))
            let cat = try await Finished.relay(["cat", "--json", path])
            let verify = try await Finished.relay(["verify", path])
            expect(cat, lines: lines, "cat, \(what): \(cat.errors)")
            #expect(verify.exit == cat.exit, "verify, \(what): \(verify.errors)")
        }
    }

    private func expect(_ cat: Finished, lines: [String], _ what: Comment) {
        var rest = lines[...]
        for line in cat.lines {
            // In the order of the original, without duplicates.
            guard let place = rest.firstIndex(of: line) else {
                Issue.record("a line that was not recorded: \(line) - \(what)")
                return
            }
            rest = rest[(place + 1)...]
        }
        switch cat.exit {
        case .code(3): #expect(!cat.errors.isEmpty, what)
        case .code(0): #expect(cat.lines == lines, what)
        default: Issue.record("\(cat.exit) - \(what)")
        }
    }

    /// Two at a time: most of the time is the start of processes.
    private func forEach<Case: Sendable>(
        _ cases: [Case], _ body: @escaping @Sendable (Case) async throws -> Void
    ) async throws {
        try await withThrowingTaskGroup(of: Void.self) { group in
            for (index, element) in cases.enumerated() {
                if index >= 2 { try await group.next() }
                group.addTask { try await body(element) }
            }
            try await group.waitForAll()
        }
    }

    private func withCapture(
        _ body: (_ whole: Data, _ lines: [String], _ random: inout SplitMix64) async throws -> Void
    ) async throws {
        let seed = UInt64.random(in: 0...UInt64.max)
        print("DamageTests: seed \(seed)")
        var random = SplitMix64(seed: seed)
        try await RedisServer.with { redis in
            try await TemporaryDirectory.with { folder in
                let directory = folder + "/capture"
                let payloads = try await SmallCapture.record(from: redis, into: directory)
                let file = try #require(try CaptureFiles.paths(in: directory).first)
                let cat = try await Finished.relay(["cat", "--json", file])
                #expect(cat.exit == .code(0))
                #expect(cat.lines.count == payloads.count)
                try await body(Data(contentsOf: URL(fileURLWithPath: file)), cat.lines, &random)
            }
        }
    }
}
