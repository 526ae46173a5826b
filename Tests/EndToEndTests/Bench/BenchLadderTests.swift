import Testing

@testable import Bench

/// The rates that are tried, and the reported limits.
@Suite("Bench ladder")
struct BenchLadderTests {
    @Test("rates rise up to the highest")
    func rises() {
        var ladder = BenchLadder(highest: 60_000)
        var rates: [Int] = []
        var last: BenchReport.Step?
        while let rate = ladder.rate(after: last), rates.count < 20 {
            rates.append(rate)
            last = .sample(asked: rate)
        }
        #expect(rates == [5_000, 10_000, 20_000, 50_000, 60_000])
    }

    @Test("a highest rate below the first is the only one")
    func low() {
        var ladder = BenchLadder(highest: 300)
        #expect(ladder.rate(after: nil) == 300)
        #expect(ladder.rate(after: .sample(asked: 300)) == nil)
    }

    @Test(
        "it ends when envelopes are lost, late, or not published",
        arguments: [
            BenchReport.Step.sample(lost: 1), .sample(behindSeconds: 1.5), .sample(published: 4_000),
            .sample(recorded: 4_999),
        ])
    func ends(step: BenchReport.Step) {
        var ladder = BenchLadder(highest: 1_000_000)
        #expect(ladder.rate(after: nil) == 5_000)
        #expect(ladder.rate(after: step) == nil)
    }

    @Test(
        "what limited",
        arguments: [
            (BenchReport.Step.sample(), BenchReport.Limit.none),
            (.sample(lost: 9, writtenBytesPerSecond: 70e6), .disk),
            (.sample(lost: 9, writtenBytesPerSecond: 50e6), .processor),
            (.sample(published: 4_000, redisProcessors: 0.98, machineBusy: 1), .redis),
            (.sample(published: 4_000, redisProcessors: 0.5, machineBusy: 0.97), .processor),
            (.sample(published: 4_000, redisProcessors: nil, machineBusy: 0.3), .connection),
        ])
    func limit(step: BenchReport.Step, expected: BenchReport.Limit) {
        #expect(BenchLadder.limit(of: step, diskBytesPerSecond: 100e6) == expected)
    }

    @Test("an unknown disk is not blamed")
    func unknownDisk() {
        let step = BenchReport.Step.sample(lost: 9, writtenBytesPerSecond: 1e9)
        #expect(BenchLadder.limit(of: step, diskBytesPerSecond: nil) == .processor)
    }

    @Test("the sustained rate is the highest without a backlog")
    func carried() {
        let climb = BenchReport.Climb(
            compression: "none",
            steps: [.sample(asked: 5_000), .sample(asked: 10_000), .sample(asked: 20_000, lost: 3)], limit: .processor)
        #expect(climb.carried == 10_000)
        #expect(climb.step(nearest: 6_000)?.asked == 10_000)
        #expect(climb.step(nearest: 90_000)?.asked == 10_000)
    }

    @Test("every envelope of the traffic has the requested size", arguments: [200, 4_096])
    func traffic(size: Int) throws {
        let traffic = try BenchTraffic(payloadBytes: size)
        #expect(traffic.blobBytes == size - 7)
        #expect(traffic.blobs.count == traffic.count * traffic.blobBytes)
    }

    @Test("preparations before the first rate end at once on cancellation")
    func isOver() throws {
        #expect(throws: CancellationError.self) { try BenchTraffic(payloadBytes: 200, isOver: { true }) }
        let traffic = try BenchTraffic(payloadBytes: 1 << 20)
        #expect(throws: CancellationError.self) { try ZstdProbe(traffic, isOver: { true }) }
    }
}

extension BenchReport.Step {
    fileprivate static func sample(
        asked: Int = 5_000, published: Double? = nil, recorded: Int? = nil, lost: Int = 0, behindSeconds: Double = 0.2,
        writtenBytesPerSecond: Double = 1e6, redisProcessors: Double? = 0.5, machineBusy: Double = 0.5
    ) -> BenchReport.Step {
        BenchReport.Step(
            asked: asked, published: published ?? Double(asked), envelopes: asked, recorded: recorded ?? asked - lost,
            lost: lost, behindSeconds: behindSeconds, microsecondsPerEnvelope: 1, relayProcessors: 0.1,
            writtenBytesPerSecond: writtenBytesPerSecond, compressionRatio: 3, redisProcessors: redisProcessors,
            machineBusy: machineBusy)
    }
}
