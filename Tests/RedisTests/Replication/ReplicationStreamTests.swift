import Foundation
import TestSupport
import Testing

@testable import Redis

/// ``ReplicationStream`` on what real servers sent, and on what none would.
@Suite struct ReplicationStreamTests {
    /// The envelopes of every golden stream.
    private static let envelopes = [
        ReceivedEnvelope(0, "1 plain"), ReceivedEnvelope(1, [UInt8](0...255)), ReceivedEnvelope(0, "2 multi"),
        ReceivedEnvelope(0, "3 lua"), ReceivedEnvelope(0, ""), ReceivedEnvelope(0, "\r\n*1\r\n$4\r\nPING\r\n"),
        ReceivedEnvelope(0, "9 end"),
    ]

    @Test(arguments: GoldenStream.all) func `a server's stream yields the envelopes it contains`(golden: GoldenStream)
        throws
    {
        let reading = StreamReading(of: try golden.bytes)
        #expect(reading.problem == nil)
        #expect(reading.envelopes == Self.envelopes)
        #expect(reading.offset == golden.end)
        #expect(reading.transferBytes == golden.transferBytes)
        #expect(reading.counts == golden.commands)
        #expect(
            reading.events.filter { $0 != .waiting } == [
                .fullSync(golden.position), .transferred, .acknowledgementWanted,
            ])
    }

    @Test(arguments: GoldenStream.all) func `in pieces of any size`(golden: GoldenStream) async throws {
        let bytes = try golden.bytes
        let whole = StreamReading(of: bytes)
        for cut in 0...bytes.count {
            await Task.yield()
            let reading = StreamReading(of: [bytes[..<cut], bytes[cut...]])
            #expect(reading == whole, "cut at \(cut)")
        }
        #expect(StreamReading(of: bytes.indices.map { bytes[$0...$0] }) == whole)
    }

    @Test(arguments: 1...10 as ClosedRange<UInt64>) func `in random pieces`(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        for golden in GoldenStream.all {
            let bytes = try golden.bytes
            let whole = StreamReading(of: bytes)
            for longest in [1, 3, 20, 300, 1_000] {
                let pieces = bytes.randomPieces(longest: longest, using: &random)
                #expect(StreamReading(of: pieces) == whole, "seed \(seed), \(golden.name), up to \(longest)")
            }
        }
    }

    // MARK: - Positions

    /// Where a connection may be cut: what follows the offset is what was not passed on.
    @Test(arguments: GoldenStream.all) func `after a cut at any byte nothing is missing and nothing is read twice`(
        golden: GoldenStream
    ) async throws {
        let bytes = try golden.bytes
        let commands = Array(bytes.suffix(Int(golden.end - golden.position.offset)))
        let stream = Array("+CONTINUE\r\n".utf8) + commands
        for cut in 0...commands.count {
            await Task.yield()
            let before = StreamReading(of: Array(stream[..<(stream.count - cut)]), from: golden.position.offset)
            let rest = commands.suffix(Int(golden.end - before.offset))
            let after = StreamReading(of: Array("+CONTINUE\r\n".utf8) + rest, from: before.offset)
            #expect(before.envelopes + after.envelopes == Self.envelopes, "cut at \(cut)")
            #expect(after.offset == golden.end)
        }
    }

    @Test func `a large payload counts when its line end has come`() {
        let payload = [UInt8](repeating: 120, count: EnvelopeBatch.largePayload + 1)
        let bytes =
            Array("+CONTINUE\r\n*3\r\n$7\r\nPUBLISH\r\n$4\r\nchat\r\n$\(payload.count)\r\n".utf8) + payload
            + Array("\r\n".utf8)
        for missing in 0...2 {
            let sink = RecordingSink()
            var stream = ReplicationStream(offset: 100, names: StreamReading.names)
            stream.batch = sink.nextBatch()
            stream.sink = sink
            var rest = bytes.dropLast(missing)
            while !rest.isEmpty {
                #expect(rest.prefix(200_000).withUnsafeBytes { stream.feed($0) } == nil)
                rest = rest.dropFirst(200_000)
            }
            #expect(sink.batches.map(\.count) == (missing == 0 ? [1] : []))
            #expect(stream.offset == (missing == 0 ? 100 + Int64(bytes.count - 11) : 100))
            #expect(stream.counts[.publish] == (missing == 0 ? 1 : 0))
            stream.abandon()
        }
    }

    // MARK: - Memory

    /// 600 MB in pieces of 64 KiB: only the length of each piece is read.
    @Test func `the value of a key is never kept`() {
        let piece = [UInt8](repeating: 42, count: 64 * 1024)
        let length = 600 << 20
        var stream = ReplicationStream(offset: 0, names: StreamReading.names)
        let batch = EnvelopeBatch()
        stream.batch = batch
        func feed(_ text: String) { #expect(Array(text.utf8).withUnsafeBytes { stream.feed($0) } == nil) }
        feed("+CONTINUE\r\n*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$\(length)\r\n")
        let before = Self.residentBytes()
        piece.withUnsafeBytes { bytes in
            for _ in 0..<(length / piece.count) where stream.feed(bytes) != nil { Issue.record("not skipped") }
        }
        #expect(Self.residentBytes() - before < 100 << 20)
        let publish = "*3\r\n$7\r\nPUBLISH\r\n$4\r\nchat\r\n$1\r\nx\r\n"
        feed("\r\n" + publish)
        #expect(batch.envelopes == [ReceivedEnvelope(0, "x")])
        #expect(stream.counts == CommandCounts([.other: 1, .publish: 1]))
        let others = "*3\r\n$3\r\nSET\r\n$1\r\nk\r\n$629145600\r\n\r\n" + publish
        #expect(stream.offset == Int64(others.utf8.count + length))
    }

    private static func residentBytes() -> Int {
        let status = (try? String(contentsOfFile: "/proc/self/statm", encoding: .utf8)) ?? ""
        return (Int(status.split(separator: " ").dropFirst().first ?? "") ?? 0) * 4_096
    }

    @Test func `a payload that the sink does not admit is skipped and reported`() {
        final class Narrow: EnvelopeSink {
            nonisolated(unsafe) var skippedPayloads: [SkippedPayload] = []  // One thread.
            nonisolated(unsafe) var delivered: [ReceivedEnvelope] = []
            func nextBatch() -> EnvelopeBatch { EnvelopeBatch() }
            func deliver(_ batch: EnvelopeBatch) { delivered += batch.envelopes }
            func admission(ofPayload bytes: Int, channel: Int) -> PayloadAdmission { .noRoom }
            func skipped(_ payload: SkippedPayload) { skippedPayloads.append(payload) }
            func subscribed(_ subscription: Subscription) {}
            func disconnected(_ cause: DisconnectCause) {}
        }
        let sink = Narrow()
        var stream = ReplicationStream(offset: 0, names: StreamReading.names)
        stream.batch = sink.nextBatch()
        stream.sink = sink
        let count = 2 << 20
        let bytes =
            Array("+CONTINUE\r\n*3\r\n$7\r\nPUBLISH\r\n$4\r\nchat\r\n$1\r\n1\r\n".utf8)
            + Array("*3\r\n$7\r\nPUBLISH\r\n$6\r\norders\r\n$\(count)\r\n".utf8)
            + Array("77 abc".utf8) + [UInt8](repeating: 0, count: count - 6)
            + Array("\r\n*3\r\n$7\r\nPUBLISH\r\n$4\r\nchat\r\n$1\r\n2\r\n".utf8)
        bytes.withUnsafeBytes { all in
            var rest = all[...]
            while !rest.isEmpty {
                stream.batch?.receivedAt = 5
                #expect(stream.feed(UnsafeRawBufferPointer(rebasing: rest.prefix(100_000))) == nil)
                rest = rest.dropFirst(100_000)
            }
        }
        #expect(sink.delivered == [ReceivedEnvelope(0, "1")])
        #expect(stream.batch?.envelopes == [ReceivedEnvelope(0, "2")])
        #expect(sink.skippedPayloads.map(\.bytes) == [count])
        #expect(sink.skippedPayloads.first?.start.starts(with: "77 abc".utf8) == true)
        #expect(sink.skippedPayloads.first?.channel == 1)
    }

    // MARK: - Commands

    @Test func `commands of one line and empty lines are counted in the offset`() {
        let text = "PING\r\n\nping\n\r\nSET a b\r\n*1\r\n$4\r\nPING\r\n*0\r\n"
        let reading = StreamReading(ofCommands: text)
        #expect(reading.problem == nil)
        #expect(reading.offset == Int64(text.utf8.count))
        #expect(reading.counts == CommandCounts([.ping: 3, .other: 2]))
    }

    @Test func `a PUBLISH with another number of arguments, or a similar name, yields no envelope`() {
        let text =
            "*2\r\n$7\r\nPUBLISH\r\n$4\r\nchat\r\n*4\r\n$7\r\nPUBLISH\r\n$4\r\nchat\r\n$1\r\na\r\n$1\r\nb\r\n"
            + "*3\r\n$8\r\nPUBLISHX\r\n$4\r\nchat\r\n$20\r\naaaaaaaaaaaaaaaaaaaa\r\n"
        let reading = StreamReading(ofCommands: text)
        #expect(reading.problem == nil)
        #expect(reading.envelopes.isEmpty)
        #expect(reading.offset == Int64(text.utf8.count))
    }

    @Test func `names are matched like a server matches them`() {
        let names = [
            SubscribedName(channel: Array("chat".utf8), index: 0, keepsName: false),
            SubscribedName(pattern: Array("Hub:group:*".utf8), beginning: Array("Hub:group:".utf8), index: 1),
            SubscribedName(pattern: Array("a?b:*".utf8), beginning: Array("a b:".utf8), index: 2),
            SubscribedName(pattern: Array("[xy]*z".utf8), beginning: [], index: 3),
        ]
        func publish(_ channel: String) -> String {
            "*3\r\n$7\r\nPUBLISH\r\n$\(channel.utf8.count)\r\n\(channel)\r\n$10\r\n0123456789\r\n"
        }
        let channels = ["chat", "Hub:group:one", "Hub:user:one", "a b:c", "axb:c", "xaz", "zaz", "chat2", ""]
        let text = channels.map(publish).joined()
        let reading = StreamReading(ofCommands: text, names: names)
        #expect(
            reading.envelopes == [
                ReceivedEnvelope(0, "0123456789"), ReceivedEnvelope(1, "Hub:group:one|10|0123456789"),
                ReceivedEnvelope(2, "a b:c|10|0123456789"), ReceivedEnvelope(3, "xaz|10|0123456789"),
            ])
        #expect(reading.counts == CommandCounts([.publish: 4, .otherPublish: 5]))
        let pieces = Array("+CONTINUE\r\n\(text)".utf8)
        #expect(StreamReading(of: pieces.indices.map { pieces[$0...$0] }, names: names) == reading)
    }

    // MARK: - Answers

    @Test(arguments: [
        ("+CONTINUE\r\n", ReplicationStream.Event.continued(history: nil)),
        ("\n\r\n+CONTINUE abc\r\n", .continued(history: "abc")),
        (
            "-NOMASTERLINK Can't SYNC while not connected with my master\r\n",
            .refused("NOMASTERLINK Can't SYNC while not connected with my master")
        ),
        ("+FULLRESYNC abc 12\r\n-ERR no\r\n", .refused("ERR no")),
    ])
    func answers(text: String, last: ReplicationStream.Event) {
        let reading = StreamReading(of: Array(text.utf8))
        #expect(reading.problem == nil)
        #expect(reading.events.last == last)
    }

    @Test(arguments: [
        "+OK\r\n", "+FULLRESYNC abc\r\n", "+FULLRESYNC abc x\r\n", "+FULLRESYNC abc -4\r\n", ":1\r\n", "$5\r\n",
        "+FULLRESYNC abc 1\r\n$EOF:123\r\n", "+FULLRESYNC abc 1\r\n$-1\r\n", "+FULLRESYNC abc 1\r\n*1\r\n",
        "+CONTINUE\r\n:1\r\n", "+CONTINUE\r\n*-1\r\n", "+CONTINUE\r\n*x\r\n", "+CONTINUE\r\n*1\r\n:1\r\n",
        "+CONTINUE\r\n*1\r\n$-1\r\n", "+CONTINUE\r\n*1\r\n$1000000000000000\r\n", "+CONTINUE\r\n*1\r\n$4\rx",
        "+CONTINUE\r\n*3\r\n$7\r\nPUBLISH\r\n$4\r\nchat\r\n$1\r\nabc", "+CONTINUE\r\n-ERR\r\n",
    ])
    func `bytes that no server sends end the stream`(text: String) {
        #expect(StreamReading(of: Array(text.utf8)).problem != nil)
    }

    // MARK: - Hostile streams

    /// For any bytes: no crash, and the same result however they are cut.
    private func check(_ bytes: [UInt8], seed: UInt64, random: inout SplitMix64) {
        let whole = StreamReading(of: bytes)
        let pieces = bytes.randomPieces(longest: 30, using: &random)
        #expect(StreamReading(of: pieces) == whole, "seed \(seed), bytes \(bytes)")
    }

    @Test(arguments: 1...10 as ClosedRange<UInt64>) func `random tokens`(seed: UInt64) {
        let tokens = [
            "*3\r\n", "*2\r\n", "*1\r\n", "*0\r\n", "*-1\r\n", "$7\r\nPUBLISH\r\n", "$7\r\npublish\r\n",
            "$8\r\nREPLCONF\r\n", "$6\r\nGETACK\r\n", "$1\r\n*\r\n", "$4\r\nchat\r\n", "$6\r\norders\r\n",
            "$5\r\nthere\r\n", "$0\r\n\r\n", "PING\r\n", "\n", "\r\n", "$5\r\n", "$2000000\r\n",
            "*3\r\n$7\r\nPUBLISH\r\n$4\r\nchat\r\n$12\r\n012345678901\r\n", "+CONTINUE\r\n", "+FULLRESYNC a 5\r\n",
            "$EOF:0123456789012345678901234567890123456789\r\n", "0123456789012345678901234567890123456789", "-ERR\r\n",
        ]
        var random = SplitMix64(seed: seed)
        for round in 0..<400 {
            let text = (0..<Int.random(in: 1...20, using: &random))
                .map { _ in tokens[Int.random(in: 0..<tokens.count, using: &random)] }
            check(
                Array(((round % 2 == 0 ? "+CONTINUE\r\n" : "") + text.joined()).utf8), seed: seed, random: &random)
        }
    }

    @Test(arguments: 1...10 as ClosedRange<UInt64>) func `random bytes and mutated streams`(seed: UInt64) throws {
        var random = SplitMix64(seed: seed)
        for golden in GoldenStream.all {
            let stream = try golden.bytes
            for _ in 0..<30 {
                check(random.bytes(Int.random(in: 0...200, using: &random)), seed: seed, random: &random)
                var bytes = stream
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
}
