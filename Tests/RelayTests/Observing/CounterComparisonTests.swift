import Capture
import Testing

@testable import Relay

/// A counter compared with the received envelopes, check by check.
@Suite struct CounterComparisonTests {
    struct Look {
        var reading: CounterReading
        var lastID: UInt64?
        var isOfThisRun = true
        var resets: UInt64 = 0
        var withoutID: UInt64 = 0
        var isDisrupted = false
        var isStopping = false
        var outcome: CounterComparison.Outcome

        init(
            _ value: UInt64?, last: UInt64?, earlier: Bool = false, resets: UInt64 = 0, withoutID: UInt64 = 0,
            disrupted: Bool = false, stopping: Bool = false, unreadable: RecordingDoubt.Reason = .counterMissing,
            _ outcome: CounterComparison.Outcome
        ) {
            reading = value.map { .value($0) } ?? .unreadable(unreadable)
            lastID = last
            isOfThisRun = !earlier
            self.resets = resets
            self.withoutID = withoutID
            isDisrupted = disrupted
            isStopping = stopping
            self.outcome = outcome
        }
    }

    struct Story: CustomTestStringConvertible {
        var testDescription: String
        var looks: [Look]
    }

    static let stories: [Story] = [
        Story(
            testDescription: "all arrived",
            looks: [
                Look(nil, last: nil, .accounted(0)), Look(7, last: 7, stopping: true, .accounted(7)),
            ]),
        Story(
            testDescription: "connection lost, and the relay stopped before another id",
            looks: [
                Look(4, last: nil, .accounted(4)),
                Look(13, last: 10, disrupted: true, stopping: true, .missing(earlier: nil, 11...13)),
            ]),
        Story(
            testDescription: "connection lost, reported at the next subscription, and not again",
            looks: [
                Look(4, last: 4, .accounted(4)), Look(13, last: 10, disrupted: true, .missing(earlier: nil, 11...13)),
                Look(13, last: 13, stopping: true, .accounted(13)),
            ]),
        Story(
            testDescription: "ids from 1e14 on are not recognized as ids",
            looks: [
                Look(4, last: nil, .accounted(4)),
                Look(13, last: 10, withoutID: 3, stopping: true, .doubt(.counterInconsistent)),
            ]),
        Story(
            testDescription: "lost after an envelope without id, before the last check",
            looks: [
                Look(10, last: 10, withoutID: 3, .accounted(10)),
                Look(13, last: 10, withoutID: 3, disrupted: true, .missing(earlier: nil, 11...13)),
            ]),
        Story(
            testDescription: "lost before the very first id",
            looks: [
                Look(10, last: nil, .accounted(10)),
                Look(13, last: nil, disrupted: true, .missing(earlier: nil, 11...13)),
            ]),
        Story(
            testDescription: "nothing was published meanwhile",
            looks: [
                Look(10, last: 10, .accounted(10)), Look(10, last: 10, disrupted: true, .accounted(10)),
            ]),
        Story(
            testDescription: "ids from before this run are not lost in it",
            looks: [
                Look(50, last: 10, earlier: true, .nothing),
                Look(50, last: 10, earlier: true, stopping: true, .accounted(50)),
            ]),
        Story(
            testDescription: "ids lost after it are",
            looks: [
                Look(50, last: 10, earlier: true, .nothing),
                Look(53, last: 10, earlier: true, disrupted: true, .missing(earlier: 11...50, 51...53)),
            ]),
        Story(
            testDescription: "an id assigned at the end without a publication",
            looks: [
                Look(4, last: nil, .accounted(4)), Look(9, last: 7, stopping: true, .missing(earlier: nil, 8...9)),
            ]),
        Story(
            testDescription: "the counter of another database, above",
            looks: [
                Look(5_000, last: nil, .accounted(5_000)),
                Look(5_000, last: 120, disrupted: true, .doubt(.counterInconsistent)),
                Look(5_000, last: 121, stopping: true, .doubt(.counterInconsistent)),
            ]),
        Story(
            testDescription: "the counter of another database, below",
            looks: [
                Look(5, last: nil, .accounted(5)), Look(7, last: 120, disrupted: true, .doubt(.counterInconsistent)),
                Look(7, last: 121, stopping: true, .doubt(.counterInconsistent)),
            ]),
        Story(
            testDescription: "no counter in this database, and ids arrive",
            looks: [
                Look(nil, last: nil, .accounted(0)), Look(nil, last: 8, stopping: true, .doubt(.counterMissing)),
            ]),
        Story(
            testDescription: "set back while the connection was lost",
            looks: [
                Look(100, last: 100, .accounted(100)),
                Look(3, last: 100, disrupted: true, .doubt(.counterInconsistent)),
                Look(5, last: 5, resets: 1, stopping: true, .accounted(5)),
            ]),
        Story(
            testDescription: "two alternating counters",
            looks: [
                Look(1, last: 1, .accounted(1)),
                Look(40, last: 12, resets: 9, stopping: true, .doubt(.counterInconsistent)),
            ]),
        Story(
            testDescription: "not permitted: no report until ids may be missing",
            looks: [
                Look(nil, last: nil, unreadable: .counterNotPermitted, .nothing),
                Look(nil, last: 5, disrupted: true, unreadable: .counterNotPermitted, .doubt(.counterNotPermitted)),
                Look(nil, last: 9, stopping: true, unreadable: .counterNotPermitted, .doubt(.counterNotPermitted)),
            ]),
        Story(
            testDescription: "the first check fails, the last one does not",
            looks: [
                Look(nil, last: nil, unreadable: .redisAway, .nothing),
                Look(8, last: 5, disrupted: true, stopping: true, .missing(earlier: nil, 6...8)),
            ]),
        Story(
            testDescription: "a last check without a first one does not show when an earlier run's ids were lost",
            looks: [
                Look(8, last: 5, earlier: true, disrupted: true, .doubt(.connectionLost))
            ]),
        Story(
            testDescription: "Redis unavailable at the end, and no envelope ever arrived",
            looks: [
                Look(nil, last: nil, unreadable: .redisAway, .nothing),
                Look(nil, last: nil, stopping: true, unreadable: .redisAway, .nothing),
            ]),
    ]

    @Test(arguments: stories) func compares(_ story: Story) {
        var comparison = CounterComparison()
        for (index, look) in story.looks.enumerated() {
            let outcome = comparison.compare(
                look.reading,
                .init(
                    lastID: look.lastID, isOfThisRun: look.isOfThisRun, resets: look.resets, withoutID: look.withoutID,
                    isDisrupted: look.isDisrupted, isStopping: look.isStopping))
            #expect(outcome == look.outcome, "look \(index)")
        }
    }

    @Test func anIDThatArrivesFirstRevealsMissingOnes() {
        var comparison = CounterComparison()
        _ = comparison.compare(.value(10), .init(lastID: nil))
        #expect(comparison.missing(before: 14) == 11...13)
        #expect(comparison.missing(before: 11) == nil)
        #expect(comparison.missing(before: 3) == nil)
        var later = CounterComparison()
        _ = later.compare(.value(50), .init(lastID: 10, isOfThisRun: false))
        #expect(later.endOfEarlierRun(within: 11...53) == 50)
        #expect(later.endOfEarlierRun(within: 11...40) == 40)
        #expect(later.endOfEarlierRun(within: 12...53) == nil)
    }
}
