import Synchronization
import TestSupport
import Testing

@testable import Redis

/// Payloads that bypass hiredis.
@Suite struct LargePayloadTests {
    /// Decides by a limit, and stores what it receives.
    private final class Sink: EnvelopeSink {
        struct Seen {
            var envelopes: [ReceivedEnvelope] = []
            var skipped: [SkippedPayload] = []
            var asked: [Int] = []
            var abandoned: [Int] = []
            var largestBatch = 0
        }

        let seen = Mutex(Seen())
        private let limit: Int
        private let refusal: PayloadAdmission

        init(limit: Int, refusal: PayloadAdmission = .tooLarge) {
            self.limit = limit
            self.refusal = refusal
        }

        func nextBatch() -> EnvelopeBatch { EnvelopeBatch() }
        func deliver(_ batch: EnvelopeBatch) {
            let envelopes = batch.envelopes
            seen.withLock { seen in
                seen.envelopes += envelopes
                seen.largestBatch = max(seen.largestBatch, batch.footprint)
            }
        }
        func subscribed(_ subscription: Subscription) {}
        func disconnected(_ cause: DisconnectCause) {}
        func admission(ofPayload bytes: Int, channel: Int) -> PayloadAdmission {
            seen.withLock { $0.asked.append(bytes) }
            return bytes <= limit ? .take : refusal
        }
        func abandoned(payloadOf bytes: Int) { seen.withLock { $0.abandoned.append(bytes) } }
        func skipped(_ payload: SkippedPayload) { seen.withLock { $0.skipped.append(payload) } }
    }

    private static let large = EnvelopeBatch.largePayload

    private static func payload(_ id: Int, count: Int) -> [UInt8] {
        let start = Array("\(id) ".utf8)
        return start + (0..<count - start.count).map { UInt8(truncatingIfNeeded: $0 &* 7 &+ id) }
    }

    /// Fragments like those of a socket: at most 256 KiB.
    private func read(
        _ stream: [UInt8], to sink: Sink, longest: Int = 256 * 1024, seed: UInt64 = 1
    ) -> (problem: String?, stray: Int, replies: [RESPValue]) {
        var random = SplitMix64(seed: seed)
        let reader = RESPReader(channels: ["chat", "game"])
        reader.sink = sink
        reader.batch = sink.nextBatch()
        var problem: String?
        var replies: [RESPValue] = []
        for piece in stream.randomPieces(longest: longest, using: &random) {
            problem = piece.withUnsafeBytes { reader.feed($0) }
            replies += reader.takeReplies()
            if let batch = reader.batch, batch.count > 0 {
                reader.batch = sink.nextBatch()
                sink.deliver(batch)
            }
            if problem != nil { break }
        }
        reader.abandonLarge()
        return (problem, reader.strayMessages, replies)
    }

    @Test(arguments: [1, 2, 3, 4, 5] as [UInt64])
    func whatIsTakenAndWhatIsSkippedKeepTheirOrder(seed: UInt64) {
        let taken = Self.payload(2, count: Self.large + 12_345)
        let huge = Self.payload(4, count: 3 * Self.large)
        let sink = Sink(limit: 2 * Self.large)
        let stream =
            Wire.message("chat", "1 a") + Wire.message("game", taken) + Wire.message("chat", "3 b") + Wire.pong
            + Wire.message("chat", huge) + Wire.message("chat", "5 c") + Wire.message("game", "6 d")
        let (problem, stray, replies) = read(stream, to: sink, seed: seed)
        #expect(problem == nil)
        #expect(stray == 0)
        #expect(replies.count == 1)
        let seen = sink.seen.withLock { $0 }
        #expect(seen.asked == [taken.count, huge.count])
        #expect(
            seen.envelopes == [
                ReceivedEnvelope(0, "1 a"), ReceivedEnvelope(1, taken), ReceivedEnvelope(0, "3 b"),
                ReceivedEnvelope(0, "5 c"), ReceivedEnvelope(1, "6 d"),
            ])
        #expect(seen.skipped.map(\.channel) == [0])
        #expect(seen.skipped.map(\.bytes) == [huge.count])
        #expect(seen.skipped.map(\.start) == [Array(huge.prefix(64))])
        #expect(seen.skipped.map(\.isTooLarge) == [true])
        #expect(seen.abandoned.isEmpty)
        // Adopted memory is not doubled by subsequent data.
        #expect(seen.largestBatch < taken.count + 1_024)
    }

    @Test func aFullBufferIsDistinguishedFromTooLarge() {
        let sink = Sink(limit: 0, refusal: .noRoom)
        _ = read(Wire.message("chat", Self.payload(1, count: Self.large + 1)), to: sink)
        #expect(sink.seen.withLock { $0.skipped.map(\.isTooLarge) } == [false])
    }

    @Test func aSmallerPayloadIsReadAsUsual() {
        let sink = Sink(limit: 0)
        let payload = Self.payload(1, count: Self.large)
        _ = read(Wire.message("chat", payload), to: sink)
        #expect(sink.seen.withLock { $0.asked }.isEmpty)
        #expect(sink.seen.withLock { $0.envelopes } == [ReceivedEnvelope(0, payload)])
    }

    @Test func anUnknownChannelIsNotKept() {
        let sink = Sink(limit: .max)
        let stream = Wire.message("other", Self.payload(1, count: 2 * Self.large)) + Wire.message("chat", "2 a")
        #expect(read(stream, to: sink).stray == 1)
        #expect(sink.seen.withLock { $0.asked }.isEmpty)
        #expect(sink.seen.withLock { $0.envelopes } == [ReceivedEnvelope(0, "2 a")])
    }

    /// A payload larger than any memory is skipped as well; an invalid length is not waited for.
    @Test func announcedOnly() {
        let before = Array("*3\r\n".utf8) + Wire.bulk("message") + Wire.bulk("chat")
        let sink = Sink(limit: 0)
        #expect(read(before + Array("$99999999999999\r\n1 x".utf8), to: sink).problem == nil)
        #expect(read(before + Array("$99999999999999999999999999\r\n1 x".utf8), to: sink).problem != nil)
        // A sink without a limit does not have to reserve it.
        #expect(read(before + Array("$99999999999\r\n1 x".utf8), to: Sink(limit: .max)).problem != nil)
    }

    @Test(arguments: [true, false])
    func theConnectionEndsInside(isTaken: Bool) {
        let sink = Sink(limit: isTaken ? .max : 0)
        let stream = Wire.message("chat", Self.payload(1, count: 2 * Self.large))
        _ = read(Array(stream.prefix(Self.large + 100)), to: sink)
        #expect(sink.seen.withLock { $0.abandoned } == (isTaken ? [2 * Self.large] : []))
        #expect(sink.seen.withLock { $0.skipped.count + $0.envelopes.count } == 0)
    }

    @Test func aWrongLengthIsDetected() {
        let sink = Sink(limit: .max)
        var stream = Wire.message("chat", Self.payload(1, count: 2 * Self.large))
        stream[stream.count - 2] = 0x41
        #expect(read(stream, to: sink).problem != nil)
        #expect(sink.seen.withLock { $0.abandoned } == [2 * Self.large])
    }
}
