import Testing

@testable import Capture

@Suite struct RateProfileTests {
    private static let second: UInt64 = 1_000_000_000
    private static let start: UInt64 = 1_795_400_000 * second

    @Test(arguments: [0.001, 1, 59, 3_600, 3_456_000] as [Double]) func anyDurationTakesTheSameMemoryAndLosesNothing(
        seconds: Double
    ) {
        var profile = RateProfile()
        for number in 0..<1_000 {
            profile.addEnvelope(at: Self.start + UInt64(seconds * Double(number) / 999 * 1e9))
        }
        profile.addHole(at: Self.start + UInt64(seconds * 0.5e9))
        #expect(profile.counts.reduce(0, +) == 1_000)
        #expect(profile.counts.count <= RateProfile.maximumSpans && profile.holes.count == profile.counts.count)
        #expect(profile.holes.count(where: \.self) == 1)
        let covered = profile.seconds * Double(profile.counts.count)
        #expect(covered >= seconds && covered <= max(0.002, 2.1 * seconds))
    }

    @Test func aTimeBeforeTheFirstCountsAsTheFirst() {
        var profile = RateProfile()
        profile.addEnvelope(at: Self.start)
        profile.addEnvelope(at: Self.start - Self.second)
        #expect(profile.counts == [2])
    }

    @Test func aGapKeepsItsPositionWhenSpansDouble() {
        var profile = RateProfile()
        profile.addEnvelope(at: Self.start)
        profile.addHole(at: Self.start + Self.second * 3)
        profile.addEnvelope(at: Self.start + Self.second * 300)
        let index = profile.holes.firstIndex(of: true).map(Double.init) ?? -1
        #expect(index * profile.seconds <= 3 && (index + 1) * profile.seconds > 3)
    }
}
