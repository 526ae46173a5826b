import Testing

@testable import LivePage
@testable import Relay

@Suite struct SampleRingTests {
    private func sample(_ number: Int) -> LiveSample {
        LiveSample(at: UInt64(number), envelopes: Double(number), bytes: 0, missing: 0, latency: nil)
    }

    @Test func keepsTheNewestInOrder() {
        var ring = SampleRing(capacity: 4)
        #expect(ring.samples.isEmpty && ring.suffix(3).isEmpty && ring.last == nil)
        for number in 1...11 {
            ring.append(sample(number))
            let expected = Array((1...number).suffix(4)).map { UInt64($0) }
            #expect(ring.samples.map(\.at) == expected)
            #expect(ring.suffix(2).map(\.at) == expected.suffix(2))
            #expect(ring.suffix(9).map(\.at) == expected)
            #expect(ring.last?.at == UInt64(number))
        }
        #expect(ring.count == 4)
    }

    @Test func fewerSamplesAreKeptForMoreChannels() {
        for count in [3, 7, 8, 21] {
            var ring = SampleRing(capacity: 8)
            for number in 1...count { ring.append(sample(number)) }
            ring.shrink(to: 5)
            #expect(ring.samples.map(\.at) == Array((1...count).suffix(min(8, count)).suffix(5)).map { UInt64($0) })
            for number in count + 1...count + 3 { ring.append(sample(number)) }
            #expect(ring.samples.map(\.at) == Array((1...count + 3).suffix(5)).map { UInt64($0) })
            ring.shrink(to: 9)
            ring.append(sample(count + 4))
            #expect(ring.count == 5, "the ring must not grow")
        }
    }

    @Test(arguments: [(0, 900), (1, 900), (50, 900), (51, 882), (100, 450), (1_000, 45), (5_000, 10), (100_000, 10)])
    func manyChannelsKeepFewerEach(channels: Int, samples: Int) {
        #expect(SampleRing.capacity(channels: channels) == samples)
    }
}
