import Testing

@testable import Backplane

struct IDHistory: CustomTestStringConvertible, Sendable {
    let testDescription: String
    var ids: [UInt64]
    /// Number of recognized counters.
    var counters = 1
    /// Ids that continue another counter than the previous id, since it was recognized.
    var turns = 0
    /// At the end, without retracted reports.
    var missing: UInt64 = 0
    var gaps: [ClosedRange<UInt64>] = []
    var resets: [[UInt64]] = []
    var duplicates = 0
    var late = 0

    init(
        _ name: String, _ ids: [UInt64], counters: Int = 1, turns: Int = 0, missing: UInt64 = 0,
        gaps: [ClosedRange<UInt64>] = [], resets: [[UInt64]] = [], duplicates: Int = 0, late: Int = 0
    ) {
        testDescription = name
        (self.ids, self.counters, self.turns, self.missing) = (ids, counters, turns, missing)
        (self.gaps, self.resets, self.duplicates, self.late) = (gaps, resets, duplicates, late)
    }
}

/// Whether ids come from one counter or several.
@Suite struct CounterTrackerTests {
    static let histories: [IDHistory] = [
        // One counter.
        IDHistory("one counter", Array(1...500)),
        IDHistory(
            "real gaps", [1, 2, 50, 51, 900, 5_000, 5_001], missing: 47 + 848 + 4_099,
            gaps: [3...49, 52...899, 901...4_999]),
        IDHistory("set back once", [100, 101, 1, 2, 3, 4], resets: [[101, 1]]),
        IDHistory("set back twice", [100, 101, 1, 2, 3, 1, 2, 3], resets: [[101, 1], [3, 1]]),
        IDHistory("set back and restored by a node", [100, 101, 1, 102, 103, 104], resets: [[101, 1]]),
        IDHistory(
            "restored to its last id", [100, 101, 1, 101, 102, 103], missing: 99, gaps: [2...100],
            resets: [[101, 1]]),
        IDHistory(
            "restored, and much later set back again",
            [100, 101, 1] + Array(102...2_000) + [2, 3, 4], resets: [[101, 1], [2_000, 2]]),
        IDHistory("late ids", [1, 2, 9, 3, 4, 10, 5], missing: 3, gaps: [3...8], late: 3),
        IDHistory("late ids, all of them", [1, 2, 6, 3, 4, 5, 7, 8], gaps: [3...5], late: 3),
        IDHistory("duplicates", [7, 7, 8, 8, 9], duplicates: 2),
        IDHistory(
            "a real reset, then a real gap far above", [100, 1, 2, 3, 500, 501], missing: 496, gaps: [4...499],
            resets: [[100, 1]]),
        // Several.
        IDHistory(
            "the example: nodes in databases 0 and 1", Array(1...10) + [2, 11, 3, 12, 4, 13, 5, 14, 6, 7], counters: 2,
            turns: 7),
        IDHistory("two counters", [100, 101, 5, 102, 6, 7, 103, 8], counters: 2, turns: 3),
        IDHistory(
            "in blocks", Array(100...150) + Array(5...30) + Array(151...180) + Array(31...40), counters: 2, turns: 1),
        IDHistory(
            "one much faster", Array(1_000...1_100) + [5] + Array(1_101...1_300) + [6, 1_301], counters: 2, turns: 2),
        IDHistory("two counters that meet", [10, 4, 11, 5, 12, 6, 7, 8, 9, 10], counters: 2, turns: 3),
        IDHistory("far apart", [9_000_000_000, 3, 9_000_000_001, 4, 9_000_000_002, 5], counters: 2, turns: 3),
        IDHistory(
            "the higher one appears second", [1, 2, 500, 3, 501, 4, 502, 5, 503, 6], counters: 2, turns: 3, late: 2),
        IDHistory(
            "three", [10, 200, 3, 11, 201, 4, 12, 202, 5, 13, 203, 6], counters: 3, turns: 7, late: 1),
        IDHistory(
            "a real gap while alternating", [10, 2, 11, 3, 12, 4, 15, 5, 16, 6], counters: 2, turns: 6, missing: 2,
            gaps: [13...14]),
        IDHistory(
            "a real gap before alternating", [20, 21, 30, 31, 5, 32, 6, 33], counters: 2, turns: 2, missing: 8,
            gaps: [22...29]),
        IDHistory(
            "a gap of the active counter", [10, 2, 11, 3, 12, 13, 16, 17, 4, 18], counters: 2, turns: 4,
            missing: 2,
            gaps: [14...15]),
        IDHistory(
            "late while alternating", [10, 2, 11, 3, 14, 4, 12, 5, 15], counters: 2, turns: 3, missing: 1,
            gaps: [12...13],
            late: 1),
        IDHistory("a duplicate within the turns", [10, 2, 11, 3, 11, 4, 12], counters: 2, turns: 2, duplicates: 1),
        IDHistory(
            "after alternating, a real gap and a real reset",
            [10, 2, 11, 3, 12, 4] + Array(13...1_200) + [2_000, 2_001, 1, 2], counters: 2, turns: 4, missing: 799,
            gaps: [1_201...1_999], resets: [[2_001, 1]]),
        IDHistory(
            "a slow one returns after a long time",
            [10, 2, 11, 3, 12, 4] + Array(13...1_200) + [5, 1_201, 6], counters: 2, turns: 7),
    ]

    @Test(arguments: histories) func idsAreClassified(_ history: IDHistory) {
        var tracker = CounterTracker()
        var found = IDHistory(history.testDescription, history.ids)
        for id in history.ids {
            switch tracker.observe(id) {
            case .one(.gap(let from, let to)): found.gaps.append(from...to)
            case .one(.counterReset(let from, let to)): found.resets.append([from, to])
            case .one(.duplicate): found.duplicates += 1
            case .one(.late): found.late += 1
            case .one(.first), .one(.inOrder), .restored: break
            case .turn: found.turns += 1
            }
            for told in tracker.retracted {
                if case .gap(let from, let to) = told { found.gaps.removeAll { $0 == from...to } }
                if case .counterReset(let from, let to) = told { found.resets.removeAll { $0 == [from, to] } }
            }
        }
        #expect(tracker.counters == history.counters)
        #expect(found.turns == history.turns, "turns")
        #expect(tracker.missing == history.missing, "missing")
        #expect(found.gaps == history.gaps)
        #expect(found.resets == history.resets)
        #expect(found.duplicates == history.duplicates, "duplicates")
        #expect(found.late == history.late, "late")
    }

    @Test func eachCounterIsReportedOnce() {
        var tracker = CounterTracker()
        var news = 0
        for id in ids(of: "three") where tracker.observe(id) == .turn(isNews: true) { news += 1 }
        #expect(news == 2)
        for id in 0..<500 as Range<UInt64> {
            for base in [14, 204, 7] as [UInt64] { #expect(tracker.observe(base + id) == .turn(isNews: false)) }
        }
    }

    /// Two counters at the same id are told from a repeated id by their different envelopes.
    @Test func equalIDsOfDifferentEnvelopesAreTwoCounters() {
        var tracker = CounterTracker()
        var turns = 0
        for id in 1...50 as ClosedRange<UInt64> {
            #expect(tracker.observe(id) == .one(.inOrder) || id == 1)
            switch (id, tracker.observe(id)) {
            case (1, let seen):
                #expect(seen == .one(.duplicate) && tracker.observeTwin() == .one(.duplicate))
            case (2, let seen):
                #expect(seen == .one(.duplicate) && tracker.observeTwin() == .turn(isNews: true))
                #expect(tracker.retractedTwins == [1])
            case (_, .turn(isNews: false)): turns += 1
            case (_, let seen): Issue.record("\(id): \(seen)")
            }
        }
        #expect(turns == 48 && tracker.counters == 2 && tracker.missing == 0)
        #expect(tracker.heard.map(\.ids) == [1...50, 1...50])
    }

    /// A counter set back by one gives one pair, and possibly another much later.
    @Test func onePairIsNotASecondCounter() {
        var tracker = CounterTracker()
        for id in 1...1_000 as ClosedRange<UInt64> {
            _ = tracker.observe(id)
            guard id % 200 == 0 else { continue }
            #expect(tracker.observe(id) == .one(.duplicate) && tracker.observeTwin() == .one(.duplicate))
        }
        #expect(tracker.counters == 1)
    }

    @Test func theIDsOfEachCounterAreKnown() {
        var tracker = CounterTracker()
        #expect(tracker.heard == [])
        for id in ids(of: "the example: nodes in databases 0 and 1") { _ = tracker.observe(id) }
        #expect(tracker.heard.map(\.ids) == [2...7, 1...14])
        tracker = CounterTracker()
        for id in ids(of: "the higher one appears second") { _ = tracker.observe(id) }
        #expect(tracker.heard.map(\.ids) == [1...6, 500...503])
    }

    /// Random ids: bounded memory, no trap.
    @Test func randomIDs() {
        var random = SystemRandomNumberGenerator()
        for _ in 0..<200 {
            var tracker = CounterTracker()
            var last: UInt64 = 0
            for _ in 0..<2_000 {
                switch UInt8.random(in: 0...9, using: &random) {
                case 0: last = .random(in: 0...UInt64.max, using: &random)
                case 1: last = .random(in: 0...50, using: &random)
                case 2: last = UInt64.max - .random(in: 0...3, using: &random)
                default: last = last &+ .random(in: 0...2, using: &random)
                }
                _ = tracker.observe(last)
            }
            #expect(tracker.counters <= CounterTracker.maximumCounters && tracker.heard.count <= tracker.counters)
        }
    }

    private func ids(of name: String) -> [UInt64] {
        Self.histories.first { $0.testDescription == name }?.ids ?? []
    }
}
