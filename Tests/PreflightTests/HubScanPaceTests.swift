import Testing

@testable import Preflight

@Suite struct HubScanPaceTests {
    private static let second: UInt64 = 1_000_000_000
    private static let microsecond: UInt64 = 1_000

    @Test(arguments: [
        (took: UInt64(0), seconds: UInt64(5)), (100, 5), (1_000, 5), (2_000, 10), (4_000, 20), (10_000, 50),
        (10_001, 300), (200_000, 300),
    ])
    func theDearerTheSeldomer(took: UInt64, seconds: UInt64) {
        var pace = HubScanPace(limit: 10)
        #expect(pace.delay(at: 7 * Self.second) == 0)
        #expect(pace.answered(in: took * Self.microsecond, at: 7 * Self.second) == nil)
        #expect(pace.delay(at: 7 * Self.second) == seconds * Self.second)
        #expect(pace.delay(at: (7 + seconds) * Self.second) == 0)
        #expect(pace.delay(at: (8 + seconds) * Self.second) == 0)
    }

    @Test func threeSlowRepliesInARowEndTheScans() {
        var pace = HubScanPace(limit: 10)
        for slow in [true, true, false, true, true] {
            #expect(pace.answered(in: (slow ? 11_000 : 1) * Self.microsecond, at: 0) == nil)
        }
        #expect(pace.answered(in: 11_000 * Self.microsecond, at: 0) == .tookLong(nanoseconds: 11_000_000))
        #expect(pace.delay(at: 1_000_000 * Self.second) > 0)
    }

    @Test func theLimitApplies() {
        let pace = HubScanPace(limit: 10)
        #expect(pace.objection(channels: 10) == nil)
        #expect(pace.objection(channels: 11) == .tooMany(channels: 11, limit: 10))
        #expect(pace.objection(channels: nil) == .unknownNumber)
        #expect(HubScanPace(limit: 0).objection(channels: 1) == .tooMany(channels: 1, limit: 0))
        var left = pace
        left.left(at: 0)
        #expect(left.delay(at: 0) == HubScanPace.longest)
    }
}
