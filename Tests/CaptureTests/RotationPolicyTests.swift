import Testing

@testable import Capture

@Suite struct RotationPolicyTests {
    static let cases: [(size: UInt64, age: UInt64, isDue: Bool)] = [
        (0, 0, false), (999, 59, false), (1_000, 0, true), (1_001, 59, true), (0, 60, true), (5_000, 500, true),
    ]

    @Test(arguments: cases) func isDue(size: UInt64, age: UInt64, isDue: Bool) {
        #expect(RotationPolicy(segmentSize: 1_000, segmentDuration: 60).isDue(size: size, age: age) == isDue)
    }

    @Test func defaultsAreAQuarterGigabyteOrAnHour() {
        let policy = RotationPolicy()
        #expect(policy.segmentSize == 268_435_456)
        #expect(policy.segmentDuration == 3_600_000_000_000)
    }
}
