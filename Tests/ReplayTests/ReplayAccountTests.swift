import Backplane
import Foundation
import TestSupport
import Testing

@testable import Replay

/// The content of the checkpoint file, and how a later run uses it.
@Suite struct ReplayAccountTests {
    @Test func theFileContainsWhatIsConfirmed() async throws {
        try await TemporaryDirectory.with { folder in
            let path = folder + "/checkpoint"
            let account = ReplayAccount.ofTests(path: path)
            for id in [5, 6, 7] as [UInt64?] { _ = account.send(id) }
            account.confirm(upTo: 2, lastID: 102)
            #expect(account.saved == 0)
            try account.save(at: 10)
            let file = try #require(try ReplayCheckpoint.read(path))
            #expect(file.confirmed == 2 && file.lastCapturedID == 6 && file.lastID == 102 && !file.isFinished)
            #expect(account.saved == 2 && account.lastID == 102)
        }
    }

    @Test func withoutAPathThereIsNoFile() throws {
        let account = ReplayAccount.ofTests()
        #expect(!account.hasFile)
        #expect(!account.isOlder(than: 1, at: .max))
        _ = account.send(1)
        account.confirm(upTo: 1, lastID: 1)
        try account.save(at: 10)
        #expect(account.saved == 1)
    }

    @Test(arguments: [(100, false), (110, false), (111, true)] as [(UInt64, Bool)])
    func theFileGrowsOld(now: UInt64, isOlder: Bool) async throws {
        try await TemporaryDirectory.with { folder in
            let account = ReplayAccount.ofTests(path: folder + "/checkpoint")
            try account.save(at: 100)
            #expect(account.isOlder(than: 10, at: now) == isOlder)
        }
    }

    @Test func aMissingDirectoryIsAnError() {
        let account = ReplayAccount.ofTests(path: "/nowhere/checkpoint")
        #expect(throws: ReplayError.self) { try account.save(at: 1) }
    }

    /// From a file: the previous process may have sent up to one window more.
    @Test(
        arguments: [
            // (known, same server, confirmed, doubted)
            (100, true, 100, 0), (150, true, 150, 0), (150, false, 150, PublishWindow.limit - 50),
            (nil, true, 100, PublishWindow.limit), (nil, false, 100, PublishWindow.limit),
        ] as [(Int?, Bool, Int, Int)])
    func resumedFromAFile(known: Int?, isSame: Bool, confirmed: Int, doubted: Int) {
        let account = ReplayAccount.ofTests(confirmed: 100, isResumed: true)
        let target = isSame ? ServerIdentity.ofTests : ServerIdentity(runID: "r2", endpoint: "redis:6379")
        #expect(account.resume(known: known, at: target).isEmpty)
        #expect(account.progress.confirmed == confirmed)
        var doubts = 0
        for id in 0..<UInt64(2 * PublishWindow.limit) where account.send(id) { doubts += 1 }
        #expect(doubts == doubted)
    }

    /// The most recent server counts.
    @Test func aServerIsRemembered() {
        let account = ReplayAccount.ofTests()
        let other = ServerIdentity(runID: "r2", endpoint: "redis:6379")
        _ = account.resume(known: 0, at: other)
        _ = account.send(1)
        #expect(account.resume(known: 0, at: other).isEmpty)
        _ = account.send(1)
        #expect(account.resume(known: 0, at: .ofTests) == [1])
    }
}

@Suite struct ReplayCheckpointTests {
    private let checkpoint = ReplayCheckpoint(
        token: "t", target: ServerIdentity(runID: "r", endpoint: "t:1"), segments: ["a", "b"], options: "o",
        counters: ["chat": 7], confirmed: 3, lastCapturedID: 9, lastID: 10)

    @Test func roundTrips() async throws {
        try await TemporaryDirectory.with { folder in
            let path = folder + "/checkpoint"
            #expect(try ReplayCheckpoint.read(path) == nil)
            try checkpoint.write(path)
            #expect(try ReplayCheckpoint.read(path) == checkpoint)
            #expect(try FileManager.default.contentsOfDirectory(atPath: folder) == ["checkpoint"])
        }
    }

    @Test(arguments: [
        "", "{}", "no JSON",
        #"{"format":2,"token":"t","segments":[],"options":"","counters":{},"confirmed":0,"isFinished":false}"#,
    ])
    func somethingElseIsRefused(content: String) async throws {
        try await TemporaryDirectory.with { folder in
            let path = folder + "/checkpoint"
            try content.write(toFile: path, atomically: false, encoding: .utf8)
            let error = #expect(throws: ReplayError.self) { try ReplayCheckpoint.read(path) }
            #expect(error?.description.contains(path) == true)
        }
    }

    @Test func anUnwritablePathIsNamed() {
        let error = #expect(throws: ReplayError.self) { try checkpoint.write("/nonexistent/checkpoint") }
        #expect(error?.description.contains("/nonexistent/checkpoint") == true)
    }

    @Test(
        "the target: the same process or address, or one that knows of the replay",
        arguments: [
            ("r", "t:1", false, true), ("r", "other:1", false, true), ("s", "t:1", false, true),
            ("s", "other:1", true, true), ("s", "other:1", false, false), (nil, "other:1", false, false),
        ] as [(String?, String, Bool, Bool)])
    func fitsTheTarget(runID: String?, endpoint: String, isKnown: Bool, fits: Bool) {
        let objection = checkpoint.mismatch(
            target: ServerIdentity(runID: runID, endpoint: endpoint), isKnown: isKnown)
        #expect((objection == nil) == fits)
        if let objection { #expect(objection.contains("t:1") && objection.contains(endpoint)) }
    }

    @Test func matchesItsCaptureAndOptions() {
        #expect(checkpoint.mismatch(segments: ["a", "b"], options: "o") == nil)
        // The capture has grown.
        #expect(checkpoint.mismatch(segments: ["a", "b", "c"], options: "o") == nil)
        #expect(checkpoint.mismatch(segments: ["b"], options: "o")?.contains("'a'") == true)
        #expect(checkpoint.mismatch(segments: ["a", "b"], options: "other")?.contains("options") == true)
        var finished = checkpoint
        finished.isFinished = true
        #expect(finished.mismatch(segments: ["a", "b"], options: "o")?.contains("finished") == true)
    }
}
