import Redis
import TestSupport
import Testing

@Suite struct ReconnectBackoffTests {
    @Test(arguments: 1...20 as ClosedRange<UInt64>)
    func staysBetweenHalfAndAllOfADoublingCeiling(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        var backoff = ReconnectBackoff()
        for ceiling in [100, 200, 400, 800, 1_600, 3_200, 6_400, 10_000, 10_000, 10_000] {
            let wait = backoff.next(using: &random)
            #expect(wait >= .milliseconds(ceiling) / 2, "seed \(seed)")
            #expect(wait <= .milliseconds(ceiling), "seed \(seed)")
        }
    }

    @Test func resetStartsOver() {
        var random = SplitMix64(seed: 1)
        var backoff = ReconnectBackoff(first: .milliseconds(10), limit: .seconds(1))
        for _ in 0..<20 { _ = backoff.next(using: &random) }
        #expect(backoff.next(using: &random) >= .milliseconds(500))
        backoff.reset()
        #expect(backoff.next(using: &random) <= .milliseconds(10))
    }

    @Test func differsFromSeedToSeed() {
        let waits = (1...50).map { seed in
            var random = SplitMix64(seed: UInt64(seed))
            var backoff = ReconnectBackoff()
            return backoff.next(using: &random)
        }
        #expect(Set(waits).count > 40)
    }

    @Test func aLimitEqualToTheFirstIsKept() {
        var random = SplitMix64(seed: 3)
        var backoff = ReconnectBackoff(first: .seconds(1), limit: .seconds(1))
        for _ in 0..<10 {
            let wait = backoff.next(using: &random)
            #expect(wait >= .milliseconds(500) && wait <= .seconds(1))
        }
    }
}
