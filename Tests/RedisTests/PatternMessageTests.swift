import TestSupport
import Testing

@testable import Redis

/// Messages received through a pattern, and messages stored with their Redis channel.
@Suite struct PatternMessageTests {
    private static let names = [
        SubscribedName(channel: "chat", index: 0),
        SubscribedName(channel: Array("Hub:all".utf8), index: 1, keepsName: true),
        SubscribedName(pattern: Array("Hub:group:*".utf8), beginning: Array("Hub:group:".utf8), index: 1),
        SubscribedName(pattern: Array("A?B:group:*".utf8), beginning: Array("A B:group:".utf8), index: 2),
        SubscribedName(
            pattern: Array("Hub:group:X:user:*".utf8), beginning: Array("Hub:group:X:user:".utf8), index: 3),
        SubscribedName(channel: Array("Hub:group:X:all".utf8), index: 3, keepsName: true),
    ]

    private static func patternMessage(_ pattern: String, _ channel: String, _ payload: [UInt8]) -> [UInt8] {
        Array("*4\r\n".utf8) + Wire.bulk("pmessage") + Wire.bulk(pattern) + Wire.bulk(channel) + Wire.bulk(payload)
    }

    private static func patternMessage(_ pattern: String, _ channel: String, _ payload: String = "p") -> [UInt8] {
        patternMessage(pattern, channel, Array(payload.utf8))
    }

    private struct Outcome: Equatable {
        var envelopes: [ReceivedEnvelope] = []
        var replies: [RESPValue] = []
        var stray = 0
        var problem: String?
    }

    private static func read(
        _ pieces: some Sequence<ArraySlice<UInt8>>, keepsAll: Bool = false
    ) -> Outcome {
        let reader = RESPReader(names: names, header: .readable, keepsAll: keepsAll)
        let batch = EnvelopeBatch()
        reader.batch = batch
        var outcome = Outcome()
        for piece in pieces {
            outcome.problem = piece.withUnsafeBytes { reader.feed($0) }
            outcome.replies += reader.takeReplies()
            if outcome.problem != nil { break }
        }
        outcome.envelopes = batch.envelopes
        outcome.stray = reader.strayMessages
        return outcome
    }

    @Test(
        arguments: [
            (Wire.message("chat", "1 a"), [ReceivedEnvelope(0, "1 a")], 0),
            (Wire.message("Hub:all", "p"), [ReceivedEnvelope(1, "Hub:all|1|p")], 0),
            (patternMessage("Hub:group:*", "Hub:group:x"), [ReceivedEnvelope(1, "Hub:group:x|1|p")], 0),
            (patternMessage("Hub:group:*", "Hub:group:", ""), [ReceivedEnvelope(1, "Hub:group:|0|")], 0),
            // A space became a question mark, and the pattern matches another hub's channel.
            (patternMessage("A?B:group:*", "A B:group:x"), [ReceivedEnvelope(2, "A B:group:x|1|p")], 0),
            (patternMessage("A?B:group:*", "AxB:group:x"), [], 0),
            // Two names match: the more specific one receives it, once.
            (
                patternMessage("Hub:group:*", "Hub:group:X:user:u")
                    + patternMessage("Hub:group:X:user:*", "Hub:group:X:user:u"),
                [ReceivedEnvelope(3, "Hub:group:X:user:u|1|p")], 0
            ),
            (
                Wire.message("Hub:group:X:all", "p") + patternMessage("Hub:group:*", "Hub:group:X:all"),
                [ReceivedEnvelope(3, "Hub:group:X:all|1|p")], 0
            ),
            (patternMessage("Hub:group:*", "Hub:group:X:all2"), [ReceivedEnvelope(1, "Hub:group:X:all2|1|p")], 0),
            // Not subscribed.
            (patternMessage("Other:*", "Other:x"), [], 1),
            (Wire.message("Hub:group:x", "p"), [], 1),
        ] as [([UInt8], [ReceivedEnvelope], Int)])
    func placed(bytes: [UInt8], envelopes: [ReceivedEnvelope], stray: Int) {
        #expect(Self.read([bytes[...]]) == Outcome(envelopes: envelopes, stray: stray))
    }

    @Test("a sink for everything gets the Redis channel of each message") func everything() {
        let bytes = Wire.message("chat", "1 a") + Self.patternMessage("z*", "zebra")
        #expect(
            Self.read([bytes[...]], keepsAll: true).envelopes
                == [ReceivedEnvelope(0, "chat|3|1 a"), ReceivedEnvelope(0, "zebra|1|p")])
    }

    private static let stream: [UInt8] = {
        var stream = Wire.confirmation("chat") + patternMessage("Hub:group:*", "Hub:group:é", [UInt8](0...255))
        stream += Wire.message("chat", "1 a") + Wire.pong + Wire.message("Hub:all", "\r\n*4\r\n$8\r\npmessage\r\n")
        // Four elements that are not a message; a message with an element that is not a string.
        stream += Array("*4\r\n$1\r\na\r\n:1\r\n$-1\r\n+b\r\n*4\r\n$8\r\npmessage\r\n:1\r\n$1\r\nx\r\n$1\r\nx\r\n".utf8)
        stream += Array("*3\r\n$8\r\npmessage\r\n$1\r\nx\r\n$1\r\nx\r\n".utf8)
        return stream + patternMessage("A?B:group:*", "A B:group:") + patternMessage("nobody*", "nobody")
            + Wire.message("chat", "2 b")
    }()

    @Test func cutAtEveryByte() async {
        let whole = Self.read([Self.stream[...]])
        #expect(whole.envelopes.map(\.channel) == [1, 0, 1, 2, 0])
        #expect(whole.replies.count == 4)
        #expect(whole.stray == 2)
        #expect(whole.problem == nil)
        for cut in 0...Self.stream.count {
            await Task.yield()
            #expect(Self.read([Self.stream[..<cut], Self.stream[cut...]]) == whole, "cut at \(cut)")
        }
        #expect(Self.read(Self.stream.indices.map { Self.stream[$0...$0] }) == whole)
    }

    @Test(arguments: 1...20 as ClosedRange<UInt64>) func changedBytes(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        for _ in 0..<200 {
            var bytes = Self.stream
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                bytes[Int.random(in: bytes.indices, using: &random)] = UInt8.random(in: 0...255, using: &random)
            }
            let whole = Self.read([bytes[...]])
            #expect(Self.read(bytes.randomPieces(longest: 40, using: &random)) == whole, "seed \(seed)")
        }
    }

    /// Larger than what is passed to hiredis: its memory includes the header.
    @Test(arguments: 1...3 as ClosedRange<UInt64>) func largePayload(seed: UInt64) {
        final class Sink: EnvelopeSink, @unchecked Sendable {
            // @unchecked: used by one thread.
            var reserved: [Int] = []
            var delivered: [ReceivedEnvelope] = []
            var isTaking = true
            var skipped: [SkippedPayload] = []
            func nextBatch() -> EnvelopeBatch { EnvelopeBatch() }
            func deliver(_ batch: EnvelopeBatch) { delivered += batch.envelopes }
            func admission(ofPayload bytes: Int, channel: Int) -> PayloadAdmission {
                reserved.append(bytes)
                return isTaking ? .take : .noRoom
            }
            func skipped(_ payload: SkippedPayload) { skipped.append(payload) }
            func subscribed(_ subscription: Subscription) {}
            func disconnected(_ cause: DisconnectCause) {}
        }
        var random = SplitMix64(seed: seed)
        let payload = random.bytes(EnvelopeBatch.largePayload + 4_321)
        let header = Array("Hub:group:big|\(payload.count)|".utf8)
        for isTaking in [true, false] {
            let sink = Sink()
            sink.isTaking = isTaking
            let reader = RESPReader(names: Self.names, header: .readable)
            reader.sink = sink
            reader.batch = sink.nextBatch()
            let bytes =
                Self.patternMessage("Hub:group:*", "Hub:group:big", payload)
                + Self.patternMessage("A?B:group:*", "AxB:group:y", payload)
                + Wire.message("chat", "2 b")
            for piece in bytes.randomPieces(longest: 200_000, using: &random) {
                #expect(piece.withUnsafeBytes { reader.feed($0) } == nil)
                if let batch = reader.batch, batch.count > 0 {
                    reader.batch = sink.nextBatch()
                    sink.deliver(batch)
                }
            }
            #expect(sink.reserved == [header.count + payload.count])
            #expect(sink.skipped.map(\.bytes) == (isTaking ? [] : [payload.count]))
            let expected = isTaking ? [ReceivedEnvelope(1, header + payload)] : []
            #expect(sink.delivered == expected + [ReceivedEnvelope(0, "2 b")])
            #expect(reader.strayMessages == 0)
        }
    }
}
