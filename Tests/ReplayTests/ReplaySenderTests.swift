import Capture
import Foundation
import Redis
import TestSupport
import Testing
import Time

@testable import Replay

/// What is sent together, and when the checkpoint is written.
@Suite struct ReplaySenderTests {
    private static let sha1 = String(repeating: "0", count: 40)

    private struct Bench {
        let target: ScriptedTarget
        let account: ReplayAccount
        let control = ReplayControl()
        let clock = StoppedClock()
        let sender: ReplaySender

        init(_ target: ScriptedTarget = ScriptedTarget(), account: ReplayAccount = .ofTests()) throws {
            self.target = target
            self.account = account
            sender = ReplaySender(
                batch: CommandBatch(sha1: ReplaySenderTests.sha1), connection: target, window: PublishWindow(),
                account: account, control: control, clock: clock)
            try sender.begin()
        }

        func append(_ id: UInt64?, size: Int = 10, deadline: UInt64? = nil) throws {
            let blob = [UInt8](repeating: 0x61, count: size)
            blob.withUnsafeBytes { sender.batch.append(channel: "chat", blob: $0) }
            _ = account.send(id)
            try sender.appended(deadline: deadline, offset: 0)
        }
    }

    @Test func dueEnvelopesAreSentTogether() throws {
        let bench = try Bench()
        for id in 1...3 { try bench.append(UInt64(id)) }
        #expect(bench.target.pieces.isEmpty)
        try bench.sender.send(offset: 0)
        try bench.sender.send(offset: 0)
        #expect(bench.target.pieces == [3])
        #expect(bench.account.progress.confirmed == 3 && bench.account.progress.lastCapturedID == 3)
        #expect(bench.control.position.sent == 3)
    }

    @Test(arguments: [(size: 10, count: PublishWindow.limit / 2), (size: ReplaySender.batchBytes, count: 1)])
    func muchGoesOutByItself(size: Int, count: Int) throws {
        let bench = try Bench()
        for id in 0..<count { try bench.append(UInt64(id), size: size) }
        #expect(bench.target.pieces == [count])
    }

    @Test func aStopIsDetectedThen() throws {
        let bench = try Bench()
        bench.control.stop()
        #expect(throws: ReplayPacer.Stopped.self) { try bench.append(1, size: ReplaySender.batchBytes) }
        #expect(bench.target.pieces == [1])
    }

    /// The connection delays it until then: the pacer hands over slightly early.
    @Test func nothingIsSentBeforeItsTime() throws {
        let bench = try Bench()
        try bench.append(1, deadline: 40_000)
        try bench.append(2, deadline: 50_000)
        try bench.sender.send(offset: 0)
        #expect(bench.clock.now().monotonic == 50_000)
        let outcome = try bench.sender.finish(isWhole: true)
        #expect(outcome.lateness.count == 2 && (10_000..<10_100).contains(outcome.lateness.maximum))
        #expect(outcome.lastWrittenAt == 50_000)
    }

    @Test func nothingIsSentToAFailedTarget() throws {
        let bench = try Bench(ScriptedTarget { $0 == 2 ? .success(.error("OOM x")) : nil })
        for id in 1...3 { try bench.append(UInt64(id)) }
        try bench.sender.send(offset: 0)
        try bench.append(4)
        #expect(throws: ReplaySender.TargetFailed.self) { try bench.sender.send(offset: 0) }
        let outcome = try bench.sender.finish(isWhole: true)
        #expect(outcome.refusal == "OOM x" && outcome.confirmedBehindFailure == 1)
        #expect(bench.account.progress.confirmed == 1 && bench.account.progress.unconfirmed == [2, 3, 4])
    }

    @Test func theFileIsWrittenBeforeTheFirstAndAtTheEnd() async throws {
        try await TemporaryDirectory.with { folder in
            let path = folder + "/checkpoint"
            let bench = try Bench(account: .ofTests(path: path))
            #expect(try ReplayCheckpoint.read(path)?.confirmed == 0)
            try bench.append(7)
            try bench.sender.send(offset: 0)
            #expect(try ReplayCheckpoint.read(path)?.confirmed == 0)
            _ = try bench.sender.finish(isWhole: true)
            let last = try #require(try ReplayCheckpoint.read(path))
            #expect(last.confirmed == 1 && last.lastCapturedID == 7 && last.lastID == 1 && last.isFinished)
        }
    }

    @Test func theFileIsWrittenPeriodically() async throws {
        try await TemporaryDirectory.with { folder in
            let path = folder + "/checkpoint"
            let bench = try Bench(account: .ofTests(path: path))
            try bench.append(7)
            bench.clock.advance(by: ReplaySender.checkpointInterval + 1)
            try bench.sender.send(offset: 0)
            let now = try #require(try ReplayCheckpoint.read(path))
            #expect(now.confirmed == 1 && !now.isFinished)
        }
    }

    /// After a restart at most one pipeline beyond the file is uncertain.
    @Test func noMoreIsSentThanOnePipelineBeyondTheFile() async throws {
        try await TemporaryDirectory.with { folder in
            let path = folder + "/checkpoint"
            let bench = try Bench(account: .ofTests(path: path))
            for id in 0..<PublishWindow.limit * 4 {
                try bench.append(UInt64(id))
                let saved = try #require(try ReplayCheckpoint.read(path)).confirmed
                #expect(bench.target.pieces.reduce(0, +) - saved <= PublishWindow.limit)
            }
        }
    }

    @Test func aStoppedReplayIsNotFinished() async throws {
        try await TemporaryDirectory.with { folder in
            let path = folder + "/checkpoint"
            let bench = try Bench(account: .ofTests(path: path))
            try bench.append(1)
            try bench.sender.send(offset: 0)
            _ = try bench.sender.finish(isWhole: false)
            #expect(try ReplayCheckpoint.read(path)?.isFinished == false)
        }
    }
}
