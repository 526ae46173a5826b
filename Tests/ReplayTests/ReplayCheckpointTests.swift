import Backplane
import Foundation
import TestSupport
import Testing

@testable import Replay

@Suite struct ReplayCheckpointTests {
    private let checkpoint = ReplayCheckpoint(
        token: "t", target: ServerIdentity(runID: "r", endpoint: "t:1"), segments: ["a", "b"], options: "o",
        counters: ["chat": 7], confirmed: 3, lastCapturedID: 9, lastID: 10)

    @Test func comesBackAsItWas() async throws {
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

    @Test func aPlaceThatCannotBeWrittenIsNamed() {
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

    @Test func fitsWhatItWasMadeFor() {
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
