import Foundation
import Prometheus
import Testing

@testable import Redis
@testable import Relay

@Suite struct IntakeTests {
    /// Comparable: the content of an item, and the first byte and time of each envelope.
    enum Seen: Equatable {
        case batch([Envelope])
        case subscribed(String?)
        case disconnected(DisconnectCause)
        case dropped(envelopes: Int, bytes: Int)
        case skipped(bytes: Int, isTooLarge: Bool)
        case command(RecorderCommand)
        case counters

        struct Envelope: Equatable {
            var channel: Int
            var receivedAt: UInt64
            var first: UInt8
            var count: Int
        }

        init(_ item: IntakeItem) {
            switch item {
            case .batch(let batch):
                var envelopes: [Envelope] = []
                func take(channel: Int, receivedAt: UInt64, payload: UnsafeRawBufferPointer) {
                    envelopes.append(
                        Envelope(channel: channel, receivedAt: receivedAt, first: payload[0], count: payload.count))
                }
                batch.forEach(take)
                self = .batch(envelopes)
            case .subscribed(let subscription): self = .subscribed(subscription.server?.runID)
            case .disconnected(let cause): self = .disconnected(cause)
            case .dropped(let envelopes, let bytes, _): self = .dropped(envelopes: envelopes, bytes: bytes)
            case .skipped(let payload): self = .skipped(bytes: payload.bytes, isTooLarge: payload.isTooLarge)
            case .counters: self = .counters
            case .command(let command): self = .command(command)
            }
        }
    }

    private static func batch(
        _ marks: UInt8..., count: Int, at receivedAt: UInt64 = 0, channel: Int = 0
    ) -> EnvelopeBatch {
        let batch = EnvelopeBatch()
        batch.receivedAt = receivedAt
        for mark in marks {
            [UInt8](repeating: mark, count: count).withUnsafeBytes { batch.append(channel: channel, payload: $0) }
        }
        return batch
    }

    private static func envelope(
        _ mark: UInt8, count: Int, at receivedAt: UInt64 = 0, channel: Int = 0
    ) -> Seen.Envelope {
        Seen.Envelope(channel: channel, receivedAt: receivedAt, first: mark, count: count)
    }

    /// Too large to be merged.
    private static let large = 300_000

    @Test func whenFullTheNewestIsDroppedCountedAndItsPositionMarked() {
        let metrics = makeMetrics()
        let footprint = Self.batch(1, count: Self.large).footprint
        let intake = Intake(limit: 2 * footprint, metrics: metrics.intake)
        #expect(metrics.intake.limitBytes.value == Double(2 * footprint))
        for mark in 1...2 as ClosedRange<UInt8> { intake.deliver(Self.batch(mark, count: Self.large)) }
        #expect(metrics.intake.bytes.value == Double(2 * footprint))
        intake.deliver(Self.batch(3, 4, count: Self.large / 2))
        intake.deliver(Self.batch(5, count: Self.large))
        intake.disconnected(.noAnswer)
        intake.deliver(Self.batch(6, count: Self.large))

        let delivery = intake.take(waitingAtMost: 0)
        #expect(
            delivery.items.map(Seen.init) == [
                .batch([Self.envelope(1, count: Self.large)]), .batch([Self.envelope(2, count: Self.large)]),
                .dropped(envelopes: 3, bytes: 2 * Self.large), .disconnected(.noAnswer),
                .dropped(envelopes: 1, bytes: Self.large),
            ])
        #expect(metrics.dropped(.bufferFull) == (4, Double(3 * Self.large)))
        #expect(metrics.dropped(.writeError) == (0, 0))

        // Taken items still use memory until they are finished.
        intake.deliver(Self.batch(7, count: Self.large))
        #expect(metrics.dropped(.bufferFull).envelopes == 5)
        recycle(delivery, in: intake)
        #expect(metrics.intake.bytes.value == 0)
        intake.deliver(Self.batch(8, count: Self.large))
        #expect(
            intake.take(waitingAtMost: 0).items.map(Seen.init) == [
                .dropped(envelopes: 1, bytes: Self.large), .batch([Self.envelope(8, count: Self.large)]),
            ])
        #expect(metrics.intake.bytes.value == Double(footprint))
    }

    @Test func aLargePayloadReservesMemoryInAdvance() {
        let metrics = makeMetrics()
        let intake = Intake(limit: 10 << 20, metrics: metrics.intake)
        #expect(intake.admission(ofPayload: 11 << 20, channel: 0) == .tooLarge)
        #expect(intake.admission(ofPayload: 6 << 20, channel: 0) == .take)
        #expect(metrics.intake.bytes.value >= Double(6 << 20))
        // The payload in progress counts: a second one finds no room.
        #expect(intake.admission(ofPayload: 6 << 20, channel: 0) == .noRoom)
        intake.abandoned(payloadOf: 6 << 20)
        #expect(metrics.intake.bytes.value == 0)

        #expect(intake.admission(ofPayload: 6 << 20, channel: 0) == .take)
        intake.deliver(
            EnvelopeBatch(
                adopting: .allocate(byteCount: 6 << 20, alignment: 16), count: 6 << 20, channel: 0, receivedAt: 1))
        intake.skipped(SkippedPayload(channel: 0, bytes: 7, start: [], receivedAt: 1, isTooLarge: false))
        intake.skipped(SkippedPayload(channel: 0, bytes: 8, start: [], receivedAt: 1, isTooLarge: true))
        let delivery = intake.take(waitingAtMost: 0)
        #expect(
            delivery.items.dropFirst().map(Seen.init) == [
                .skipped(bytes: 7, isTooLarge: false), .skipped(bytes: 8, isTooLarge: true),
            ])
        #expect(metrics.dropped(.bufferFull) == (1, 7))
        #expect(metrics.dropped(.tooLarge) == (1, 8))
        guard case .batch(let batch) = delivery.items[0] else { return }
        // Its reservation lasts until it is written, its memory does not.
        intake.recycle(large: batch) {
            #expect(batch.footprint < 1 << 20)
            #expect(intake.admission(ofPayload: 6 << 20, channel: 0) == .noRoom)
        }
        #expect(metrics.intake.bytes.value == 0)
    }

    private func recycle(_ delivery: Intake.Delivery, in intake: Intake) {
        for case .batch(let batch) in delivery.items { intake.recycle(batch) }
    }

    @Test func smallBatchesAreMergedInOrderWithTheirTimes() {
        let metrics = makeMetrics()
        let intake = Intake(limit: 1 << 20, metrics: metrics.intake)
        intake.deliver(Self.batch(1, 2, count: 10, at: 100))
        intake.deliver(Self.batch(3, count: 20, at: 200, channel: 1))
        intake.subscribed(Subscription(server: nil, endpoint: "redis:6379"))
        intake.deliver(Self.batch(4, count: 30, at: 300))
        intake.deliver(Self.batch(5, count: 40, at: 250))
        let delivery = intake.take(waitingAtMost: 0)
        #expect(
            delivery.items.map(Seen.init) == [
                .batch([
                    Self.envelope(1, count: 10, at: 100), Self.envelope(2, count: 10, at: 100),
                    Self.envelope(3, count: 20, at: 200, channel: 1),
                ]),
                .subscribed(nil),
                .batch([Self.envelope(4, count: 30, at: 300), Self.envelope(5, count: 40, at: 250)]),
            ])
        recycle(delivery, in: intake)
        #expect(metrics.intake.bytes.value == 0)
    }

    @Test func mergingCountsItsMemory() {
        let metrics = makeMetrics()
        let intake = Intake(limit: 10 << 20, metrics: metrics.intake)
        for mark in 0..<60 as Range<UInt8> { intake.deliver(Self.batch(mark, count: 5_000)) }
        let delivery = intake.take(waitingAtMost: 0)
        let footprint = delivery.items.reduce(0) { sum, item in
            if case .batch(let batch) = item { sum + batch.footprint } else { sum }
        }
        #expect(delivery.items.count < 10)
        #expect(metrics.intake.bytes.value == Double(footprint))
        recycle(delivery, in: intake)
        #expect(metrics.intake.bytes.value == 0)
    }

    /// Small reads are merged into the last pending item, up to a limit.
    @Test func smallBatchesCannotExceedTheLimit() {
        let metrics = makeMetrics()
        let limit = 200_000
        let intake = Intake(limit: limit, metrics: metrics.intake)
        for _ in 0..<400 { intake.deliver(Self.batch(1, count: 1_000)) }
        #expect(metrics.intake.bytes.value <= Double(limit))
        #expect(metrics.dropped(.bufferFull).envelopes ?? 0 > 0)
    }

    /// Pending memory is little more than the received bytes, for any size of reads: here 40 MB in a buffer of 64 MiB.
    @Test(arguments: [1, 20, 40, 70, 100, 130, 200])
    func aStuckConsumerIsWaitedForWithoutWaste(envelopesARead: Int) {
        let metrics = makeMetrics()
        let intake = Intake(limit: 64 << 20, metrics: metrics.intake)
        for _ in 0..<40_000 / envelopesARead {
            let batch = intake.nextBatch()
            [UInt8](repeating: 1, count: 1_024).withUnsafeBytes { payload in
                for _ in 0..<envelopesARead { batch.append(channel: 0, payload: payload) }
            }
            intake.deliver(batch)
        }
        #expect(metrics.dropped(.bufferFull).envelopes == 0)
        #expect(metrics.intake.bytes.value <= Double(55 << 20))
    }

    @Test func recycledBatchesAreReused() {
        let intake = Intake(limit: 1 << 20, metrics: makeMetrics().intake)
        let batch = Self.batch(1, count: 10)
        intake.deliver(batch)
        recycle(intake.take(waitingAtMost: 0), in: intake)
        let next = intake.nextBatch()
        #expect(next === batch)
        #expect(next.count == 0 && next.byteCount == 0)
        #expect(intake.nextBatch() !== batch)
    }

    @Test func aClosedIntakeStillDeliversPendingItems() {
        let intake = Intake(limit: 1 << 20, metrics: makeMetrics().intake)
        #expect(!intake.take(waitingAtMost: 0).isClosed)
        intake.deliver(Self.batch(1, count: 10))
        intake.close()
        let last = intake.take(waitingAtMost: 0)
        #expect(last.isClosed && last.items.count == 1)
        let after = intake.take(waitingAtMost: 60)
        #expect(after.isClosed && after.items.isEmpty)
    }

    @Test func anEmptyIntakeGivesAnEmptyDelivery() {
        let intake = Intake(limit: 1 << 20, metrics: makeMetrics().intake)
        intake.subscribed(
            Subscription(server: RedisServerInfo(infoText: "run_id:a1\r\n"), endpoint: "redis:6379"))
        #expect(intake.take(waitingAtMost: 0).items.map(Seen.init) == [.subscribed("a1")])
        let empty = intake.take(waitingAtMost: 0)
        #expect(empty.items.isEmpty && !empty.isClosed)
    }
}

@Suite struct FlagLockTests {
    @Test func waitsForTheFlag() async {
        let lock = FlagLock()
        let waiter = Task.detached { lock.lockWhenSet(within: 20) }
        lock.lock()
        lock.unlock(setting: true)
        #expect(await waiter.value)
        lock.unlock(setting: false)
    }

    @Test func timesOut() {
        let lock = FlagLock()
        let start = ContinuousClock.now
        #expect(!lock.lockWhenSet(within: 0.05))
        #expect(!lock.lockWhenSet(within: 0))
        #expect(ContinuousClock.now - start >= .milliseconds(50))
        // It is free.
        lock.lock()
        lock.unlock()
    }
}
