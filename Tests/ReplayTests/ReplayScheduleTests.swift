import Testing

@testable import Replay

@Suite struct ReplayScheduleTests {
    /// The first envelope was received at 1,000 and is due at 50,000.
    static let cases: [(speed: ReplaySchedule.Speed, receivedAt: UInt64, deadline: UInt64?)] = [
        (.times(1), 1_000, 50_000),
        (.times(1), 1_001, 50_001),
        (.times(1), 3_601_000, 3_650_000),
        (.times(2.5), 1_000, 50_000),
        (.times(2.5), 11_000, 54_000),
        (.times(0.5), 1_100, 50_200),
        (.times(1_000_000), 1_000_000, 50_000),
        (.times(1), 999, 50_000),
        (.times(1), 0, 50_000),
        (.times(0.000_000_000_1), .max, 50_000 + UInt64.max / 2 + 1),
        (.maximum, 1_000, nil),
        (.maximum, .max, nil),
    ]

    @Test(arguments: cases) func deadline(speed: ReplaySchedule.Speed, receivedAt: UInt64, deadline: UInt64?) {
        let schedule = ReplaySchedule(speed: speed, start: 50_000, firstReceivedAt: 1_000)
        #expect(schedule.deadline(forReceivedAt: receivedAt) == deadline)
    }

    /// Each deadline counts from the start: a million steps of a third of a microsecond end where one long step does.
    @Test func noErrorAddsUp() {
        let schedule = ReplaySchedule(speed: .times(3), start: 0, firstReceivedAt: 0)
        var last: UInt64 = 0
        for step in 0...1_000_000 as ClosedRange<UInt64> {
            let deadline = schedule.deadline(forReceivedAt: step * 1_000) ?? 0
            if deadline < last || deadline != step * 1_000 / 3 { Issue.record("step \(step): \(deadline)") }
            last = deadline
        }
        #expect(last == 333_333_333)
    }
}
