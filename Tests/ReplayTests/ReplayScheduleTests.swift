import Testing

@testable import Replay

@Suite struct ReplayScheduleTests {
    static let paces: [(speed: ReplaySchedule.Speed, pause: UInt64?, received: [UInt64], due: [UInt64?])] = [
        (.times(1), nil, [1_000, 1_001, 3_601_000], [0, 1, 3_600_000]),
        (.times(2.5), nil, [1_000, 11_000], [0, 4_000]),
        (.times(0.5), nil, [1_000, 1_100], [0, 200]),
        // In overlapping segments the time of receipt can step back.
        (.times(1), nil, [1_000, 999, 0, 1_010], [0, 0, 0, 10]),
        (.times(0.000_000_000_1), nil, [0, .max], [0, UInt64.max / 2 + 1]),
        // Pauses are shortened in the target's time.
        (.times(1), 50, [0, 40, 1_000, 1_010], [0, 40, 90, 100]),
        (.times(10), 50, [0, 400, 10_000], [0, 40, 90]),
        (.rate(1_000), nil, [0, 5, 7_000_000_000], [0, 1_000_000, 2_000_000]),
        (.rate(3), nil, [9, 9, 9, 9], [0, 333_333_333, 666_666_666, 1_000_000_000]),
        (.maximum, nil, [1_000, .max], [nil, nil]),
    ]

    @Test(arguments: paces)
    func due(speed: ReplaySchedule.Speed, pause: UInt64?, received: [UInt64], due: [UInt64?]) {
        var schedule = ReplaySchedule(speed: speed, longestPause: pause)
        #expect(received.map { schedule.due(receivedAt: $0) } == due)
    }

    @Test func aRoundStartsAtThePreviousEnd() {
        var schedule = ReplaySchedule(speed: .times(1))
        #expect([100, 150].map { schedule.due(receivedAt: $0) } == [0, 50])
        schedule.beginRound()
        #expect([100, 150].map { schedule.due(receivedAt: $0) } == [50, 100])
    }

    @Test func aChangedSpeedAppliesFromThePreviousEnvelope() {
        var schedule = ReplaySchedule(speed: .times(1))
        #expect([0, 100].map { schedule.due(receivedAt: $0) } == [0, 100])
        schedule.change(to: .times(10))
        #expect([200, 300].map { schedule.due(receivedAt: $0) } == [110, 120])
        schedule.change(to: .rate(1e7))
        #expect([1_000, 9_000].map { schedule.due(receivedAt: $0) } == [220, 320])
    }

    /// Each deadline counts from the start: a million steps of a third of a microsecond end at the same time as one
    /// long step.
    @Test func errorsDoNotAccumulate() {
        var schedule = ReplaySchedule(speed: .times(3))
        var last: UInt64 = 0
        for step in 0...1_000_000 as ClosedRange<UInt64> {
            let deadline = schedule.due(receivedAt: step * 1_000) ?? 0
            if deadline < last || deadline != step * 1_000 / 3 { Issue.record("step \(step): \(deadline)") }
            last = deadline
        }
        #expect(last == 333_333_333)
    }
}
