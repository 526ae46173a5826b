import Testing

@testable import Capture

@Suite struct RetentionPolicyTests {
    /// Ten bytes each, ending at 10, 20, 30, ...; `o` is open, `a` archived, `c` closed and not archived.
    private static func segments(_ kinds: String) -> [StoredSegment] {
        kinds.enumerated().map { index, kind in
            StoredSegment(
                name: "\(index)", size: 10, startedAt: UInt64(index) * 10, endedAt: UInt64(index + 1) * 10,
                isOpen: kind == "o", isArchived: kind == "a")
        }
    }

    struct Case: CustomTestStringConvertible, Sendable {
        var testDescription: String
        var kinds: String
        var policy: RetentionPolicy
        var now: UInt64 = 1_000
        var diskLow = false
        var deleted: String
    }

    static let cases = [
        Case(testDescription: "no policy", kinds: "ccco", policy: RetentionPolicy(), deleted: ""),
        Case(testDescription: "small enough", kinds: "ccco", policy: RetentionPolicy(size: 40), deleted: ""),
        Case(testDescription: "one too many", kinds: "ccco", policy: RetentionPolicy(size: 39), deleted: "0size"),
        Case(
            testDescription: "the open one counts, and stays", kinds: "cco", policy: RetentionPolicy(size: 5),
            deleted: "0size 1size"),
        Case(
            testDescription: "another relay's open one in between stays", kinds: "oco",
            policy: RetentionPolicy(size: 5), deleted: "1size"),
        Case(
            testDescription: "old ones", kinds: "ccco", policy: RetentionPolicy(age: 970), now: 1_000,
            deleted: "0age 1age"),
        Case(
            testDescription: "a clock set back makes nothing old", kinds: "cc", policy: RetentionPolicy(age: 1), now: 5,
            deleted: ""),
        Case(
            testDescription: "age and size", kinds: "cccco", policy: RetentionPolicy(size: 30, age: 985), now: 1_000,
            deleted: "0age 1size"),
        Case(
            testDescription: "unarchived segments stay", kinds: "accao",
            policy: RetentionPolicy(size: 10, needsArchive: true), deleted: "0size 3size"),
        Case(
            testDescription: "unless disk space is low", kinds: "accao",
            policy: RetentionPolicy(size: 20, needsArchive: true), diskLow: true,
            deleted: "0size 1disk_low 2disk_low"),
        Case(
            testDescription: "a low disk deletes nothing within the policy's limits", kinds: "ccco",
            policy: RetentionPolicy(size: 100, needsArchive: true), diskLow: true, deleted: ""),
        Case(
            testDescription: "a low disk without a policy deletes nothing", kinds: "ccco",
            policy: RetentionPolicy(needsArchive: true), diskLow: true, deleted: ""),
    ]

    @Test(arguments: cases) func decides(_ test: Case) {
        let deletions = test.policy.deletions(Self.segments(test.kinds), now: test.now, diskLow: test.diskLow)
        #expect(deletions.map { $0.name + $0.reason.rawValue }.joined(separator: " ") == test.deleted)
    }

    @Test func theDiskGuardHasHysteresis() {
        var guardian = DiskGuard(minimum: 100)
        let seen = [150, 100, 99, 50, 100, 109, 110, 105, 99].map { guardian.observe(free: $0) }
        #expect(seen == [nil, nil, .low, nil, nil, nil, .recovered, nil, .low])
        var off = DiskGuard(minimum: 0)
        #expect(off.observe(free: 0) == nil)
    }
}
