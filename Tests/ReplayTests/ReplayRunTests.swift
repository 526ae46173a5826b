import Capture
import Redis
import Testing

@testable import Replay

/// A complete replay of a capture without a server.
@Suite struct ReplayRunTests {
    private static let script = RedisScript(source: "", sha1: String(repeating: "0", count: 40))
    private static let lost = RedisError.connectionClosed(endpoint: "redis:6379")

    private func run(
        _ capture: CaptureReader, _ options: ReplayOptions = ReplayOptions(), account: ReplayAccount = .ofTests(),
        control: ReplayControl = ReplayControl(), clock: StoppedClock = StoppedClock()
    ) -> ReplayRun {
        ReplayRun(
            capture: capture, options: options, targetChannels: ["chat"], account: account, control: control,
            clock: clock)
    }

    @Test func everythingIsPublishedOnTime() async throws {
        try await ReplayedCapture.with(ids: [5, 6, nil, 8]) { capture in
            let target = ScriptedTarget()
            let run = run(capture)
            run.resume(known: nil, at: .ofTests)
            guard case .finished = try run.attempt(through: target, script: Self.script) else {
                Issue.record("not finished")
                return
            }
            let report = run.report
            #expect(report.sent == 3 && report.skipped == 1 && report.confirmed == 3)
            #expect(report.firstID == 1 && report.lastID == 3 && report.lastCapturedID == 8)
            #expect(report.ratedNanoseconds == 3_000_000 && report.actualNanoseconds == 3_000_000)
            #expect(report.lateness.count == 3 && report.lateness.maximum == 0)
            #expect(report.uncertainCount == 0 && report.errors == 0)
            #expect(target.pieces == [1, 1, 1])
        }
    }

    static let selections: [(options: ReplayOptions, sent: Int, pieces: [Int])] = [
        (ReplayOptions(speed: .maximum), 4, [4]), (ReplayOptions(speed: .maximum, limit: 3), 3, [3]),
        (ReplayOptions(speed: .maximum, limit: 0), 0, []), (ReplayOptions(speed: .maximum, rounds: 3), 12, [12]),
        (ReplayOptions(speed: .maximum, limit: 6, rounds: nil), 6, [6]),
        (ReplayOptions(speed: .maximum, ids: .preserve), 4, [4]),
        (ReplayOptions(speed: .maximum, ids: .rebase, restamps: true), 4, [4]),
    ]

    @Test(arguments: selections)
    func asManyAsAreWanted(options: ReplayOptions, sent: Int, pieces: [Int]) async throws {
        try await ReplayedCapture.with(ids: [5, 6, 7, 8]) { capture in
            let target = ScriptedTarget()
            let run = run(capture, options)
            run.resume(known: nil, at: .ofTests)
            guard case .finished = try run.attempt(through: target, script: Self.script) else {
                Issue.record("not finished")
                return
            }
            #expect(run.report.sent == sent)
            #expect(target.pieces == pieces)
        }
    }

    /// The next connection continues at the target's position, and uncertain envelopes are listed.
    @Test(
        arguments: [(known: 3, sent: 5, uncertain: []), (known: nil, sent: 5, uncertain: [7, 8, 9])]
            as [(Int?, Int, [UInt64?])])
    func aLostConnectionIsGoneOnFrom(known: Int?, sent: Int, uncertain: [UInt64?]) async throws {
        try await ReplayedCapture.with(ids: [5, 6, 7, 8, 9]) { capture in
            let run = run(capture, ReplayOptions(speed: .maximum, retries: true))
            run.resume(known: nil, at: .ofTests)
            let first = ScriptedTarget { $0 > 2 ? .failure(Self.lost) : nil }
            guard case .failed(let outcome) = try run.attempt(through: first, script: Self.script) else {
                Issue.record("not failed")
                return
            }
            #expect(outcome.loss == Self.lost)
            #expect(run.account.progress.confirmed == 2)
            run.resume(known: known, at: .ofTests)
            let second = ScriptedTarget()
            guard case .finished = try run.attempt(through: second, script: Self.script) else {
                Issue.record("not finished")
                return
            }
            #expect(second.pieces == [5 - (known ?? 2)])
            #expect(run.report.sent == sent && run.report.errors == 1)
            #expect(run.report.uncertain == uncertain)
            #expect(run.report.lastCapturedID == 9)
        }
    }

    @Test func aResumedReplaySkipsWhatIsPublished() async throws {
        try await ReplayedCapture.with(ids: [5, 6, 7, 8]) { capture in
            let run = run(
                capture, ReplayOptions(speed: .maximum), account: .ofTests(confirmed: 2, isResumed: true))
            run.resume(known: 3, at: .ofTests)
            let target = ScriptedTarget()
            _ = try run.attempt(through: target, script: Self.script)
            #expect(target.pieces == [1])
            #expect(run.report.resumedAfter == 3 && run.report.sent == 1 && run.report.confirmed == 4)
            #expect(run.report.uncertainCount == 0)
        }
    }

    @Test func abandonedEnvelopesAreUncertain() async throws {
        try await ReplayedCapture.with(ids: [5, 6, 7]) { capture in
            let run = run(capture, ReplayOptions(speed: .maximum))
            run.resume(known: nil, at: .ofTests)
            _ = try run.attempt(through: ScriptedTarget { $0 > 1 ? .failure(Self.lost) : nil }, script: Self.script)
            run.fail("lost")
            #expect(run.report.failure == "lost" && run.report.uncertain == [6, 7])
            #expect(!run.report.isComplete)
        }
    }

    @Test func aStopIsAGracefulEnd() async throws {
        try await ReplayedCapture.with(ids: (1...100).map { UInt64($0) }) { capture in
            let control = ReplayControl()
            let clock = StoppedClock { if $0 > 50_000_000 { control.stop() } }
            let run = run(capture, control: control, clock: clock)
            run.resume(known: nil, at: .ofTests)
            guard case .stopped = try run.attempt(through: ScriptedTarget(), script: Self.script) else {
                Issue.record("not stopped")
                return
            }
            #expect(run.report.wasStopped && run.report.sent > 40 && run.report.sent < 60)
            #expect(run.report.uncertainCount == 0)
        }
    }
}
