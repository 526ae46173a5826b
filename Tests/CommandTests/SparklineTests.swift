import Testing

@testable import Capture
@testable import backplane_relay

@Suite struct SparklineTests {
    private func profile(_ counts: [Int], holes: Set<Int> = []) -> RateProfile {
        var profile = RateProfile()
        for (index, count) in counts.enumerated() {
            let time = 1_000_000_000_000 + UInt64(index) * 1_000_000
            for _ in 0..<count { profile.addEnvelope(at: time) }
            if holes.contains(index) { profile.addHole(at: time) }
        }
        return profile
    }

    @Test func barsAndMarks() {
        let line = Sparkline(profile([8, 1, 0, 4, 800, 1, 16], holes: [2, 4]), width: 60)
        #expect(line.bars == "▁▁ ▁█▁▁")
        #expect(line.marks == "  × ×")
        #expect(line.peakPerSecond == 800_000)
    }

    @Test func spansAreCombinedInANarrowTerminal() {
        let line = Sparkline(profile([1, 1, 1, 1, 2, 2, 2, 2, 4, 4], holes: [9]), width: 5)
        #expect(line.bars == "▂▂▄▄█")
        #expect(line.marks == "    ×")
        #expect(line.peakPerSecond == 4_000)
    }

    @Test func noSpans() {
        let line = Sparkline(RateProfile(), width: 10)
        #expect(line.bars.isEmpty && line.marks.isEmpty)
    }
}
