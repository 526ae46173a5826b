import Foundation
import TestSupport
import Testing

@testable import Redis

/// One stream, cut in all ways: the result must not depend on TCP's fragments.
@Suite struct RESPReaderStreamTests {
    private static let channels = ["chat", "orders"]

    /// A server's data for a subscriber, without a large payload.
    private static let shortStream: [UInt8] = {
        var stream = Array("+OK\r\n+OK\r\n".utf8)
        stream += Wire.bulk("# Server\r\nredis_version:7.0.15\r\nrun_id:abc\r\n")
        stream += Wire.confirmation("chat", count: 1) + Wire.confirmation("orders", count: 2)
        stream += Wire.message("chat", "1 first") + Wire.pong + Wire.message("orders", [UInt8](0...255))
        stream += Wire.message("chat", "\r\n$5\r\n*3\r\n$7\r\nmessage\r\n") + Wire.message("chat", "")
        stream += Wire.message("stranger", "x") + Array("*3\r\n$7\r\nmessage\r\n*2\r\n:1\r\n:2\r\n$1\r\nx\r\n".utf8)
        stream += Array("-ERR something\r\n:42\r\n$-1\r\n*2\r\n*-1\r\n*2\r\n+a\r\n$1\r\nb\r\n".utf8)
        stream += Wire.message("orders", "2 last")
        return stream
    }()

    private static let largePayload: [UInt8] = {
        var random = SplitMix64(seed: 100)
        var payload = random.bytes(100 * 1024)
        for position in stride(from: 0, to: payload.count - 1, by: 999) {
            payload.replaceSubrange(position..<position + 2, with: [13, 10])
        }
        return payload
    }()

    /// A 100 KiB payload in between, after more bytes than the reader feeds at a time.
    private static let longStream =
        shortStream + Wire.message("chat", largePayload) + Wire.pong + Wire.message("orders", "3 end")

    @Test func streamIsReadAsWritten() {
        let reading = Reading(of: Self.longStream, channels: Self.channels)
        #expect(reading.problem == nil)
        #expect(reading.stray == 2)
        #expect(
            reading.envelopes == [
                ReceivedEnvelope(0, "1 first"), ReceivedEnvelope(1, [UInt8](0...255)),
                ReceivedEnvelope(0, "\r\n$5\r\n*3\r\n$7\r\nmessage\r\n"), ReceivedEnvelope(0, ""),
                ReceivedEnvelope(1, "2 last"), ReceivedEnvelope(0, Self.largePayload), ReceivedEnvelope(1, "3 end"),
            ])
        let pong = RESPValue.array([.bulk(Array("pong".utf8)), .bulk([])])
        #expect(reading.replies.count == 11)
        #expect(reading.replies[5] == pong)
        #expect(reading.replies[6...8] == [.error("ERR something"), .integer(42), .null])
        #expect(reading.replies[9] == .array([.null, .array([.status("a"), .bulk([0x62])])]))
        #expect(reading.replies[10] == pong)
    }

    @Test func cutAtEveryByte() async {
        let stream = Self.shortStream
        let whole = Reading(of: stream, channels: Self.channels)
        for cut in 0...stream.count {
            await Task.yield()
            let reading = Reading(of: [stream[..<cut], stream[cut...]], channels: Self.channels)
            #expect(reading == whole, "cut at \(cut)")
        }
        #expect(Reading(of: stream.indices.map { stream[$0...$0] }, channels: Self.channels) == whole)
    }

    /// The same with the large payload, compared in place: 100,000 cuts of 100,000 bytes.
    @Test func cutAtEveryByteOfALargePayload() async {
        let stream = Self.longStream
        let whole = Reading(of: stream, channels: Self.channels)
        let batch = EnvelopeBatch()
        for cut in Self.shortStream.count...stream.count {
            await Task.yield()
            let reader = RESPReader(channels: Self.channels)
            batch.reset()
            reader.batch = batch
            stream.withUnsafeBytes { bytes in
                let problem =
                    reader.feed(UnsafeRawBufferPointer(rebasing: bytes[..<cut]))
                    ?? reader.feed(UnsafeRawBufferPointer(rebasing: bytes[cut...]))
                if problem != nil { Issue.record("cut at \(cut): \(problem ?? "")") }
            }
            if reader.takeReplies().count != whole.replies.count || !Self.holds(batch, whole.envelopes) {
                Issue.record("cut at \(cut) changed what was read")
                return
            }
        }
    }

    /// In place: `Array ==` on 100 KB per cut would take minutes in a debug build.
    private static func holds(_ batch: EnvelopeBatch, _ expected: [ReceivedEnvelope]) -> Bool {
        guard batch.count == expected.count else { return false }
        var index = 0
        var same = true
        func compare(channel: Int, receivedAt: UInt64, payload: UnsafeRawBufferPointer) {
            let envelope = expected[index]
            index += 1
            guard same, channel == envelope.channel, payload.count == envelope.payload.count else {
                same = false
                return
            }
            if let start = payload.baseAddress { same = memcmp(start, envelope.payload, payload.count) == 0 }
        }
        batch.forEach(compare)
        return same
    }

    @Test(arguments: 1...10 as ClosedRange<UInt64>)
    func randomPieces(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let whole = Reading(of: Self.longStream, channels: Self.channels)
        for longest in [1, 3, 20, 1000, 20_000, 60_000] {
            let pieces = Self.longStream.randomPieces(longest: longest, using: &random)
            #expect(Reading(of: pieces, channels: Self.channels) == whole, "seed \(seed), pieces up to \(longest)")
        }
    }

    // MARK: - Hostile streams

    /// For any bytes: no crash, and the same result however they are cut.
    private func check(_ bytes: [UInt8], seed: UInt64, random: inout SplitMix64) {
        let whole = Reading(of: bytes, channels: Self.channels)
        let pieces = bytes.randomPieces(longest: 30, using: &random)
        #expect(Reading(of: pieces, channels: Self.channels) == whole, "seed \(seed), bytes \(bytes)")
    }

    @Test(arguments: 1...10 as ClosedRange<UInt64>)
    func randomBytes(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        for _ in 0..<200 {
            check(random.bytes(Int.random(in: 0...300, using: &random)), seed: seed, random: &random)
        }
    }

    /// Random sequences of RESP tokens get much deeper than random bytes.
    @Test(arguments: 1...10 as ClosedRange<UInt64>)
    func randomTokens(seed: UInt64) {
        let tokens = [
            "*3\r\n", "*2\r\n", "*1\r\n", "*0\r\n", "*-1\r\n", "$7\r\nmessage\r\n", "$4\r\nchat\r\n",
            "$6\r\norders\r\n",
            "$-1\r\n", "$0\r\n\r\n", "+OK\r\n", "+message\r\n", "-ERR\r\n", ":7\r\n", "$5\r\n", "\r\n",
            "*3\r\n$7\r\nmessage\r\n",
        ]
        var random = SplitMix64(seed: seed)
        for _ in 0..<300 {
            let text = (0..<Int.random(in: 1...30, using: &random))
                .map { _ in tokens[Int.random(in: 0..<tokens.count, using: &random)] }
            check(Array(text.joined().utf8), seed: seed, random: &random)
        }
    }

    @Test(arguments: 1...10 as ClosedRange<UInt64>)
    func mutatedStreams(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        for _ in 0..<200 {
            var bytes = Self.shortStream
            for _ in 0..<Int.random(in: 1...4, using: &random) {
                let position = Int.random(in: 0..<bytes.count, using: &random)
                switch Int.random(in: 0..<4, using: &random) {
                case 0: bytes[position] = UInt8.random(in: 0...255, using: &random)
                case 1: bytes[position] ^= 1 << UInt8.random(in: 0..<8, using: &random)
                case 2: bytes.remove(at: position)
                default: bytes.insert(contentsOf: bytes[position...].prefix(10), at: position)
                }
            }
            check(bytes, seed: seed, random: &random)
        }
    }
}
