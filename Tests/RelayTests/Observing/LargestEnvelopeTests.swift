import Testing

@testable import Relay

@Suite struct LargestEnvelopeTests {
    @Test func tellsTheLargestOfTheLastQuarterOfAnHour() {
        var largest = LargestEnvelope()
        #expect(largest.value == nil)
        largest.advance(to: 1_000)
        largest.observe(500)
        largest.observe(90_000)
        largest.observe(700)
        #expect(largest.value == 90_000)
        largest.advance(to: 1_300)
        largest.observe(800)
        #expect(largest.value == 90_000)
        largest.advance(to: 1_000 + 14 * 60)
        #expect(largest.value == 90_000)
        largest.advance(to: 1_000 + 16 * 60)
        #expect(largest.value == 800)
        largest.advance(to: 100_000)
        #expect(largest.value == nil)
        // A clock that jumps ahead costs no more than what is kept.
        largest.observe(1)
        largest.advance(to: .max)
        #expect(largest.value == nil)
    }
}
