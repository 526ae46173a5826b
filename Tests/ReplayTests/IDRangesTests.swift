import TestSupport
import Testing

@testable import Replay

@Suite struct IDRangesTests {
    static let cases: [([ClosedRange<UInt64>], [ClosedRange<UInt64>], UInt64)] = [
        ([], [], 0), ([5...7], [5...7], 3), ([5...7, 5...7], [5...7], 3), ([5...7, 8...9], [5...9], 5),
        ([5...7, 9...9], [5...7, 9...9], 4), ([5...7, 9...9, 8...8], [5...9], 5), ([5...7, 1...20], [1...20], 20),
        ([9...9, 5...7, 1...2], [1...2, 5...7, 9...9], 6), ([0...UInt64.max], [0...UInt64.max], .max),
    ]

    @Test(arguments: cases)
    func counts(inserted: [ClosedRange<UInt64>], ranges: [ClosedRange<UInt64>], count: UInt64) {
        var set = IDRanges()
        for range in inserted { set.insert(range) }
        #expect(set.ranges == ranges)
        #expect(set.count == count)
    }

    @Test func agreesWithASet() {
        var random = SplitMix64.announced()
        var set = IDRanges()
        var model: Set<UInt64> = []
        for _ in 0..<500 {
            let from = UInt64.random(in: 0...2_000, using: &random)
            let range = from...from + UInt64.random(in: 0...5, using: &random)
            set.insert(range)
            model.formUnion(range)
            if set.count != UInt64(model.count) { Issue.record("after \(range)") }
        }
    }

    @Test func bounded() {
        var set = IDRanges()
        for index in 0..<UInt64(IDRanges.limit + 10) { set.insert(index * 10...index * 10) }
        #expect(set.ranges.count == IDRanges.limit)
        #expect(set.count >= UInt64(IDRanges.limit + 10))
    }
}
