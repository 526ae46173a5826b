import Testing

@testable import Redis

@Suite struct EnvelopeBatchTests {
    private func append(_ payload: [UInt8], channel: Int = 0, to batch: EnvelopeBatch) {
        payload.withUnsafeBytes { batch.append(channel: channel, payload: $0) }
    }

    @Test func startsEmpty() {
        let batch = EnvelopeBatch()
        #expect(batch.count == 0)
        #expect(batch.byteCount == 0)
        #expect(batch.envelopes.isEmpty)
        #expect(batch.footprint >= 64 * 1024)
    }

    @Test func returnsAppendedEnvelopesInOrder() {
        let batch = EnvelopeBatch()
        append([1, 2, 3], channel: 2, to: batch)
        append([], channel: 0, to: batch)
        batch.append(channel: 1, payload: UnsafeRawBufferPointer(start: nil, count: 0))
        append([0, 13, 10], channel: 999, to: batch)
        #expect(batch.count == 4)
        #expect(batch.byteCount == 6)
        #expect(
            batch.envelopes == [
                ReceivedEnvelope(2, [1, 2, 3]), ReceivedEnvelope(0, [UInt8]()), ReceivedEnvelope(1, [UInt8]()),
                ReceivedEnvelope(999, [0, 13, 10]),
            ])
    }

    @Test func stampsEachEnvelopeWithTheTimeOfItsRead() {
        let batch = EnvelopeBatch()
        batch.receivedAt = 7
        append([1], to: batch)
        append([2], to: batch)
        batch.receivedAt = 9
        append([3], to: batch)
        #expect(batch.stamps == [7, 7, 9])
    }

    @Test func appendsAnotherBatchWithItsStamps() {
        let first = EnvelopeBatch()
        first.receivedAt = 1
        append([1], channel: 1, to: first)
        let second = EnvelopeBatch()
        second.receivedAt = 2
        append([2, 2], channel: 2, to: second)
        second.receivedAt = 3
        append([], channel: 3, to: second)
        first.append(contentsOf: second)
        #expect(first.stamps == [1, 2, 3])
        #expect(
            first.envelopes == [ReceivedEnvelope(1, [1]), ReceivedEnvelope(2, [2, 2]), ReceivedEnvelope(3, [UInt8]())])
        #expect(second.count == 2)
    }

    @Test func growsByManySmallPayloads() {
        let batch = EnvelopeBatch()
        let before = batch.footprint
        let expected = (0..<20_000).map { ReceivedEnvelope($0 % 7, Array("payload \($0)".utf8)) }
        for envelope in expected { append(envelope.payload, channel: envelope.channel, to: batch) }
        #expect(batch.count == expected.count)
        #expect(batch.byteCount == expected.reduce(0) { $0 + $1.payload.count })
        #expect(batch.envelopes == expected)
        #expect(batch.footprint > before)
        #expect(batch.footprint >= batch.byteCount)
    }

    /// A large payload takes its own size, not twice as much.
    @Test func growsExactlyToALargePayload() {
        let batch = EnvelopeBatch()
        let small = batch.footprint
        append([1, 2, 3], to: batch)
        let large = [UInt8](repeating: 0xAB, count: 5_000_000)
        append(large, channel: 1, to: batch)
        #expect(batch.envelopes == [ReceivedEnvelope(0, [1, 2, 3]), ReceivedEnvelope(1, large)])
        #expect(batch.footprint == small - 64 * 1024 + large.count + 3)
        let next = [UInt8](repeating: 0xCD, count: 600_000)
        append(next, to: batch)
        #expect(batch.footprint == small - 64 * 1024 + large.count + 3 + next.count)
    }

    @Test func resetEmptiesAndReleasesLargeMemory() {
        let batch = EnvelopeBatch()
        append([UInt8](repeating: 1, count: 4_000_000), to: batch)
        for _ in 0..<10_000 { append([2], to: batch) }
        batch.receivedAt = 5
        batch.reset()
        #expect(batch.count == 0)
        #expect(batch.byteCount == 0)
        #expect(batch.receivedAt == 0)
        #expect(batch.envelopes.isEmpty)
        #expect(batch.footprint < 1_000_000)
        append([3], channel: 4, to: batch)
        #expect(batch.envelopes == [ReceivedEnvelope(4, [3])])
    }

    @Test func resetKeepsOrdinaryMemory() {
        let batch = EnvelopeBatch()
        for _ in 0..<2_000 { append([UInt8](repeating: 1, count: 200), to: batch) }
        let grown = batch.footprint
        batch.reset()
        #expect(batch.footprint == grown)
    }
}
