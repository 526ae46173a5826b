import Capture
import Synchronization
import Testing
import Time

@testable import Replay

/// When envelopes are sent, with a clock that advances only in sleeps.
@Suite struct ReplayPacerTests {
    private static let ms: UInt64 = 1_000_000

    private func pacer(
        _ speed: ReplaySchedule.Speed, clock: StoppedClock, control: ReplayControl = ReplayControl(),
        startAt: UInt64? = nil
    ) -> ReplayPacer {
        ReplayPacer(speed: speed, longestPause: nil, startAt: startAt, control: control, clock: clock)
    }

    /// - Returns: the deadlines of envelopes received at these times.
    private func deadlines(_ pacer: inout ReplayPacer, _ received: [UInt64]) throws -> [UInt64?] {
        try received.map { received in
            let offset = pacer.due(receivedAt: received)
            return try pacer.wait(until: offset) { _ in }
        }
    }

    static let speeds: [(speed: ReplaySchedule.Speed, deadlines: [UInt64?])] = [
        // The first one is due a millisecond after the start.
        (.times(1), [1, 11, 41]), (.times(2), [1, 6, 21]), (.times(0.5), [1, 21, 81]), (.rate(100), [1, 11, 21]),
        (.maximum, [nil, nil, nil]),
    ]

    @Test(arguments: speeds) func deadlinesAreAbsolute(speed: ReplaySchedule.Speed, expected: [UInt64?]) throws {
        let clock = StoppedClock()
        var pacer = pacer(speed, clock: clock)
        let deadlines = try deadlines(&pacer, [500 * Self.ms, 510 * Self.ms, 540 * Self.ms])
        #expect(deadlines == expected.map { $0.map { $0 * Self.ms } })
        // No sleep is longer than the maximum response time to a key.
        #expect(clock.sleeps.allSatisfy { $0 <= 20 * Self.ms })
    }

    @Test func lateEnvelopesAreNotDelayed() throws {
        let clock = StoppedClock()
        var pacer = pacer(.times(1), clock: clock)
        _ = try deadlines(&pacer, [0])
        clock.advance(by: 100 * Self.ms)
        let slept = clock.sleeps.count
        let deadlines = try deadlines(&pacer, [10 * Self.ms, 20 * Self.ms])
        #expect(deadlines == [11 * Self.ms, 21 * Self.ms])
        #expect(clock.sleeps.count == slept)
    }

    @Test func dueEnvelopesAreSentBeforeAWait() throws {
        let clock = StoppedClock()
        var pacer = pacer(.times(1), clock: clock)
        _ = try deadlines(&pacer, [0])
        var flushed: [UInt64] = []
        let offset = pacer.due(receivedAt: 30 * Self.ms)
        _ = try pacer.wait(until: offset) { flushed.append($0) }
        #expect(flushed.first == 0)
    }

    @Test func startsAtTheRequestedTime() throws {
        let clock = StoppedClock(realtime: 1_000 * Self.ms)
        var pacer = pacer(.times(1), clock: clock, startAt: 1_250 * Self.ms)
        let deadlines = try deadlines(&pacer, [0, 5 * Self.ms])
        #expect(deadlines == [250 * Self.ms, 255 * Self.ms])
    }

    @Test func aStartInThePastIsNow() throws {
        let clock = StoppedClock(realtime: 1_000 * Self.ms)
        var pacer = pacer(.times(1), clock: clock, startAt: 900 * Self.ms)
        #expect(try deadlines(&pacer, [0]) == [0])
    }

    @Test func aStopEndsTheWait() throws {
        let control = ReplayControl()
        let clock = StoppedClock { if $0 > 50_000_000 { control.stop() } }
        var pacer = pacer(.times(1), clock: clock, control: control)
        _ = try deadlines(&pacer, [0])
        #expect(throws: ReplayPacer.Stopped.self) { try deadlines(&pacer, [10_000 * Self.ms]) }
        // Soon: not only after ten seconds.
        #expect(clock.now().monotonic < 100 * Self.ms)
    }

    @Test func aPauseMovesAllDeadlines() throws {
        let control = ReplayControl()
        let clock = StoppedClock { if $0 > 500_000_000, control.isPaused { control.togglePause() } }
        var pacer = pacer(.times(1), clock: clock, control: control)
        _ = try deadlines(&pacer, [0])
        control.togglePause()
        let deadline = try #require(try deadlines(&pacer, [10 * Self.ms])[0])
        #expect(deadline > 500 * Self.ms)
        let next = try #require(try deadlines(&pacer, [15 * Self.ms])[0])
        #expect(next == deadline + 5 * Self.ms)
    }

    @Test func aStepIsDueImmediately() throws {
        let control = ReplayControl()
        let clock = StoppedClock()
        var pacer = pacer(.times(1), clock: clock, control: control)
        _ = try deadlines(&pacer, [0])
        control.step()
        let deadline = try deadlines(&pacer, [10_000 * Self.ms])[0]
        #expect(deadline == clock.now().monotonic)
        #expect(control.isPaused)
    }

    @Test func aChangedSpeedAppliesToLaterEnvelopes() throws {
        let control = ReplayControl()
        let clock = StoppedClock()
        var pacer = pacer(.times(1), clock: clock, control: control)
        _ = try deadlines(&pacer, [0])
        control.changeSpeed(by: 2)
        // The change is received during the wait for this one.
        _ = try deadlines(&pacer, [10 * Self.ms])
        #expect(try deadlines(&pacer, [30 * Self.ms]) == [21 * Self.ms])
    }

    @Test func figuresExcludePauses() throws {
        let control = ReplayControl()
        let clock = StoppedClock { if $0 > 500_000_000, control.isPaused { control.togglePause() } }
        var pacer = pacer(.times(1), clock: clock, control: control)
        #expect(pacer.figures(lastWrittenAt: 5) == nil)
        _ = try deadlines(&pacer, [0])
        control.togglePause()
        let deadline = try #require(try deadlines(&pacer, [10 * Self.ms])[0])
        let figures = try #require(pacer.figures(lastWrittenAt: deadline))
        #expect(figures.rated == 10 * Self.ms && figures.actual == 10 * Self.ms)
    }
}
