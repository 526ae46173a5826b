import Testing

@testable import Capture

@Suite struct RotationPolicyTests {
    struct Case: Sendable {
        var size: UInt64 = 0
        var indexSize = 0
        var age: UInt64 = 0
        var isDue: Bool
    }

    static let cases = [
        Case(isDue: false), Case(size: 999, indexSize: 99, age: 59, isDue: false), Case(size: 1_000, isDue: true),
        Case(size: 1_001, age: 59, isDue: true), Case(age: 60, isDue: true), Case(indexSize: 100, isDue: true),
        Case(size: 5_000, indexSize: 500, age: 500, isDue: true),
    ]

    @Test(arguments: cases) func isDue(_ testCase: Case) {
        var policy = RotationPolicy(segmentSize: 1_000, segmentDuration: 60)
        policy.indexSize = 100
        #expect(
            policy.isDue(size: testCase.size, indexSize: testCase.indexSize, age: testCase.age) == testCase.isDue)
    }

    @Test func defaultsAreAQuarterGigabyteOrAnHour() {
        let policy = RotationPolicy()
        #expect(policy.segmentSize == 268_435_456)
        #expect(policy.segmentDuration == 3_600_000_000_000)
        // With the record that passes it, it still lies below 16 MiB.
        #expect(policy.indexSize == 15_728_640)
    }
}
