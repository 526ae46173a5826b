import TestSupport
import Testing

@testable import Loopback

struct MissedIDsTests {
    @Test(
        arguments: [
            ([1...2, 3...4], [1...4]), ([3...4, 1...2], [1...4]), ([1...2, 4...5], [1...2, 4...5]),
            ([5...9, 1...1, 2...6], [1...9]), ([0...UInt64.max, 5...6], [0...UInt64.max]),
            ([UInt64.max...UInt64.max, 0...0], [0...0, UInt64.max...UInt64.max]),
        ] as [([ClosedRange<UInt64>], [ClosedRange<UInt64>])])
    func mergesWhatTouches(inserted: [ClosedRange<UInt64>], ranges: [ClosedRange<UInt64>]) {
        var missed = MissedIDs()
        for range in inserted { missed.insert(range) }
        #expect(missed.ranges == ranges)
    }

    @Test func containsExactlyTheInsertedIDs() {
        var random = SplitMix64.announced()
        var missed = MissedIDs()
        var ids: Set<UInt64> = []
        for _ in 0..<50 {
            let low = UInt64.random(in: 0..<300, using: &random)
            let range = low...(low + UInt64.random(in: 0..<8, using: &random))
            missed.insert(range)
            ids.formUnion(range)
        }
        for id in UInt64(0)..<320 { #expect((missed.range(around: id) != nil) == ids.contains(id)) }
        #expect(zip(missed.ranges, missed.ranges.dropFirst()).allSatisfy { $0.upperBound + 1 < $1.lowerBound })
    }
}
