import Backplane
import Testing

@testable import Relay

@Suite struct DeviationHoldTests {
    private static let second: UInt64 = 1_000_000_000
    private static let reset = SequenceTracker.Observation.counterReset(from: 10, to: 2)
    private static let gap = SequenceTracker.Observation.gap(from: 11, to: 99)

    private static func deviation(
        _ observation: SequenceTracker.Observation, id: UInt64 = 0, on channel: Int = 0
    ) throws -> DeviationHold.Deviation {
        try #require(DeviationHold.Deviation(channel: channel, observation: observation, id: id, counts: true))
    }

    @Test func aResetIsReportedWithinASecondAndAGapWithinHalf() throws {
        var hold = DeviationHold()
        #expect(hold.deadline == nil)
        #expect(hold.hold(try Self.deviation(Self.reset), at: 0) == nil)
        #expect(hold.hold(try Self.deviation(Self.gap, on: 1), at: 0) == nil)
        #expect(hold.deadline == Self.second / 2)
        #expect(hold.due(at: Self.second / 2 - 1) == [])
        #expect(hold.due(at: Self.second / 2).map(\.observation) == [Self.gap])
        #expect(hold.due(at: Self.second).map(\.observation) == [Self.reset])
        #expect(hold.deadline == nil && hold.due(at: .max) == [])
    }

    @Test func deviationsExplainedBySeveralCountersAreNotReported() throws {
        var hold = DeviationHold()
        _ = hold.hold(try Self.deviation(Self.reset), at: 0)
        _ = hold.hold(try Self.deviation(Self.reset, on: 1), at: 0)
        _ = hold.hold(try Self.deviation(.duplicate, id: 7), at: 0)
        let gap = try Self.deviation(Self.gap).event
        let events = [try Self.deviation(Self.reset).event, gap, try Self.deviation(.duplicate, id: 7).event]
        // Reported before: the gap.
        #expect(hold.withdraw(events, channel: 0) == [gap])
        #expect(hold.due(at: .max).map(\.channel) == [1])
    }

    @Test func anAlternationExtendsTheDelayOnce() throws {
        var hold = DeviationHold()
        _ = hold.hold(try Self.deviation(Self.reset), at: 0)
        hold.returned(on: 1, at: Self.second / 2)
        #expect(hold.deadline == Self.second)
        for step in 1...9 as ClosedRange<UInt64> { hold.returned(on: 0, at: step * Self.second / 2) }
        #expect(hold.deadline == Self.second / 2 + DeviationHold.patienceAfterReturn)
    }

    @Test func deviationsTheCountersDoNotExplainWaitForASlowCounter() throws {
        var hold = DeviationHold()
        let reset = try Self.deviation(Self.reset)
        _ = hold.hold(reset, at: 0)
        _ = hold.hold(try Self.deviation(Self.gap), at: 0)
        hold.prolong(reset.event, channel: 1, at: 0)
        #expect(hold.due(at: 1 * Self.second).count == 2)
        _ = hold.hold(reset, at: 0)
        hold.prolong(reset.event, channel: 0, at: 0)
        hold.returned(on: 0, at: 50 * Self.second)
        #expect(hold.due(at: 109 * Self.second) == [])
        #expect(hold.due(at: 110 * Self.second).map(\.observation) == [Self.reset])
    }

    /// A stale key, or a single one, explains nothing.
    static let jumps: [(jump: SequenceTracker.Observation, databases: [Int: UInt64], areCounters: Bool)] = [
        (reset, [0: 10, 1: 2], true), (reset, [0: 2], false), (reset, [0: 2, 3: 5_000], false),
        (reset, [0: 10], false), (reset, [:], false),
        (gap, [0: 10, 1: 100], true), (gap, [0: 100], false), (gap, [0: 100, 1: 9], false),
        (.gap(from: 0, to: 5), [0: 6], false), (.gap(from: 5, to: .max), [0: 4], false),
    ]

    @Test(arguments: jumps) func countersAtBothEndsExplainAJump(
        jump: SequenceTracker.Observation, databases: [Int: UInt64], areCounters: Bool
    ) throws {
        let event = try Self.deviation(jump).event
        #expect(CounterCensus.explain(event, databases) == areCounters)
    }

    @Test func theNumberOfHeldDeviationsIsLimited() throws {
        var hold = DeviationHold()
        var told = 0
        for id in 0..<1_000 as Range<UInt64> {
            let gap = SequenceTracker.Observation.gap(from: 2 * id, to: 2 * id)
            if hold.hold(try Self.deviation(gap), at: id) != nil { told += 1 }
        }
        #expect(told == 1_000 - DeviationHold.limit)
        #expect(hold.due(at: .max).count == DeviationHold.limit)
    }
}
