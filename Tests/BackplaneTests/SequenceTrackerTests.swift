import Backplane
import TestSupport
import Testing

@Suite struct SequenceTrackerTests {
    struct Story: CustomTestStringConvertible {
        var testDescription: String
        var lastID: UInt64?
        var steps: [(id: UInt64, observation: SequenceTracker.Observation)]
        var openGaps: [ClosedRange<UInt64>] = []
        var missing: UInt64 = 0
    }

    static let stories: [Story] = [
        Story(testDescription: "dense", steps: [(1, .first), (2, .inOrder), (3, .inOrder)]),
        Story(testDescription: "joining late is not a gap", steps: [(1000, .first), (1001, .inOrder)]),
        Story(testDescription: "continuing from a known id", lastID: 7, steps: [(8, .inOrder)]),
        Story(
            testDescription: "a gap up to the first id", lastID: 7,
            steps: [(10, .gap(from: 8, to: 9)), (11, .inOrder)],
            openGaps: [8...9], missing: 2),
        Story(
            testDescription: "a gap of one", steps: [(1, .first), (3, .gap(from: 2, to: 2))], openGaps: [2...2],
            missing: 1),
        Story(
            testDescription: "the last id repeatedly",
            steps: [(5, .first), (5, .duplicate), (5, .duplicate), (6, .inOrder), (6, .duplicate)]),
        Story(
            testDescription: "an id before the last is a reset, and tracking continues from there",
            steps: [(103, .first), (50, .counterReset(from: 103, to: 50)), (51, .inOrder), (51, .duplicate)]),
        Story(
            testDescription: "an id seen before the last one is a reset, not a duplicate",
            steps: [(5, .first), (6, .inOrder), (5, .counterReset(from: 6, to: 5)), (6, .inOrder)]),
        Story(
            testDescription: "a late id in the middle splits its gap",
            steps: [(1, .first), (7, .gap(from: 2, to: 6)), (4, .late), (8, .inOrder)], openGaps: [2...3, 5...6],
            missing: 4),
        Story(
            testDescription: "late ids at the ends shorten their gap",
            steps: [(1, .first), (7, .gap(from: 2, to: 6)), (2, .late), (6, .late)], openGaps: [3...5], missing: 3),
        Story(
            testDescription: "late ids close a gap",
            steps: [(1, .first), (4, .gap(from: 2, to: 3)), (3, .late), (2, .late), (5, .inOrder)]),
        Story(
            testDescription: "late twice is a reset",
            steps: [(1, .first), (4, .gap(from: 2, to: 3)), (2, .late), (2, .counterReset(from: 4, to: 2))], missing: 1),
        Story(
            testDescription: "a reset forgets open gaps but not that ids were missed",
            steps: [
                (10, .first), (20, .gap(from: 11, to: 19)), (5, .counterReset(from: 20, to: 5)),
                (20, .gap(from: 6, to: 19)), (15, .late),
            ],
            openGaps: [6...14, 16...19], missing: 9 + 13),
        Story(
            testDescription: "the ends of the range",
            steps: [
                (0, .first), (.max, .gap(from: 1, to: .max - 1)), (.max, .duplicate),
                (0, .counterReset(from: .max, to: 0)),
            ],
            missing: .max - 1),
        Story(
            testDescription: "more missing ids than can be counted",
            steps: [
                (0, .first), (.max, .gap(from: 1, to: .max - 1)), (0, .counterReset(from: .max, to: 0)),
                (.max, .gap(from: 1, to: .max - 1)),
            ],
            openGaps: [1...(.max - 1)], missing: .max),
    ]

    @Test(arguments: stories)
    func eachIDIsWhatItMeans(_ story: Story) {
        var tracker = SequenceTracker(lastID: story.lastID)
        for (id, observation) in story.steps {
            #expect(tracker.observe(id) == observation)
        }
        let observations = story.steps.map(\.observation)
        #expect(tracker.openGaps == story.openGaps)
        #expect(tracker.missing == story.missing)
        #expect(tracker.gaps == UInt64(observations.count { if case .gap = $0 { true } else { false } }))
        #expect(tracker.duplicates == UInt64(observations.count { $0 == .duplicate }))
        #expect(tracker.late == UInt64(observations.count { $0 == .late }))
        #expect(tracker.resets == UInt64(observations.count { if case .counterReset = $0 { true } else { false } }))
    }

    @Test func onlyTheMostRecentGapsStayOpen() {
        var tracker = SequenceTracker(lastID: 0)
        let gaps = UInt64(SequenceTracker.maximumOpenGaps) + 1
        // Every odd id is missing.
        for number in 1...gaps {
            #expect(tracker.observe(2 * number) == .gap(from: 2 * number - 1, to: 2 * number - 1))
        }
        #expect(tracker.openGaps.count == SequenceTracker.maximumOpenGaps)
        #expect(tracker.missing == gaps)
        // The second oldest is still open, the oldest was forgotten.
        #expect(tracker.observe(3) == .late)
        #expect(tracker.observe(1) == .counterReset(from: 2 * gaps, to: 1))
    }

    @Test func splittingAGapKeepsTheListBounded() {
        var tracker = SequenceTracker(lastID: 0)
        for number in 1...UInt64(SequenceTracker.maximumOpenGaps) {
            _ = tracker.observe(4 * number)
        }
        #expect(tracker.openGaps.first == 1...3)
        let last = 4 * UInt64(SequenceTracker.maximumOpenGaps)
        #expect(tracker.observe(last - 2) == .late)
        #expect(tracker.openGaps.count == SequenceTracker.maximumOpenGaps)
        #expect(tracker.openGaps.first == 5...7)
        #expect(tracker.openGaps.suffix(2) == [last - 3...last - 3, last - 1...last - 1])
    }

    @Test func itAgreesWithASetOfMissingIDs() {
        var random = SplitMix64.announced()
        for _ in 0..<200 {
            var tracker = SequenceTracker()
            var model = Model()
            for _ in 0..<200 {
                // Mostly forward in small steps; fewer gaps than the limit.
                let id = UInt64.random(in: 0...40, using: &random)
                let next = Bool.random(using: &random) ? id : (model.last ?? 0) + id % 4
                #expect(tracker.observe(next) == model.observe(next))
                #expect(tracker.lastID == model.last)
                #expect(Set(tracker.openGaps.flatMap { Array($0) }) == model.open)
                #expect(tracker.missing == model.missing)
            }
        }
    }

    /// The same rules with a plain set, unbounded.
    private struct Model {
        var last: UInt64?
        var open: Set<UInt64> = []
        var missing: UInt64 = 0

        mutating func observe(_ id: UInt64) -> SequenceTracker.Observation {
            guard let last else {
                self.last = id
                return .first
            }
            if id == last { return .duplicate }
            if open.remove(id) != nil {
                missing -= 1
                return .late
            }
            self.last = id
            if id < last {
                open = []
                return .counterReset(from: last, to: id)
            }
            let skipped = last + 1..<id
            open.formUnion(skipped)
            missing += UInt64(skipped.count)
            return skipped.isEmpty ? .inOrder : .gap(from: skipped.lowerBound, to: skipped.upperBound - 1)
        }
    }

    /// Ids that the counter issued and the tracker never received.
    @Test func missingIDsAreReportedOnce() {
        var tracker = SequenceTracker(lastID: 10)
        #expect(tracker.missed(through: 13) == .gap(from: 11, to: 13))
        #expect(tracker.missed(through: 13) == nil)
        #expect(tracker.missed(through: 5) == nil)
        #expect(tracker.observe(14) == .inOrder)
        #expect(tracker.observe(12) == .late)
        #expect(tracker.missing == 2)
        var first = SequenceTracker()
        #expect(first.missed(through: 7) == nil)
        #expect(first.observe(8) == .inOrder)
        var last = SequenceTracker(lastID: 1)
        #expect(last.missed(through: .max) == .gap(from: 2, to: .max))
    }
}
