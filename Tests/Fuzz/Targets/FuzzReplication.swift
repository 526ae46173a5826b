import FuzzSupport

@testable import Redis

/// The answer to PSYNC from a hostile server, in one piece and in fragments: the result must not depend on the cuts, and
/// what follows the offset is what was not passed on.
///
/// Input: number of cuts and what is wanted (16: with patterns; 32: after +CONTINUE), that many fragment lengths, the
/// stream.
@main
enum FuzzReplication {
    /// Reused: creating one per input would take most of the time.
    private static let wholeBatch = EnvelopeBatch()
    private static let cutBatch = EnvelopeBatch()
    private static let start: Int64 = 1_000

    static func main() {
        Fuzzer.run { start, count in
            var input = InputReader(start, count)
            let first = input.byte()
            let lengths = input.bytes(Int(first & 15))
            let answer: [UInt8] = first & 32 == 0 ? [] : Array("+CONTINUE\r\n".utf8)
            let stream = answer + input.rest()
            stream.withUnsafeBytes {
                FuzzReplication.check(
                    $0, lengths: lengths, names: first & 16 == 0 ? FuzzReplication.plain : FuzzReplication.named)
            }
            return 0
        }
    }

    private static let plain = [SubscribedName(channel: "chat", index: 0), SubscribedName(channel: "orders", index: 1)]
    private static let named =
        plain + [
            SubscribedName(channel: Array("H:all".utf8), index: 2, keepsName: true),
            SubscribedName(pattern: Array("H:group:*".utf8), beginning: Array("H:group:".utf8), index: 2),
            SubscribedName(pattern: Array("H:us?r:[a-c]*".utf8), beginning: Array("H:us".utf8), index: 3),
        ]
    private static let header = MessageHeader(
        count: { channel, _ in channel },
        write: { channel, _, destination in
            if let start = channel.baseAddress { destination.copyMemory(from: start, byteCount: channel.count) }
        })

    private static func check(
        _ bytes: UnsafeRawBufferPointer, lengths: UnsafeRawBufferPointer, names: [SubscribedName]
    ) {
        var whole = ReplicationStream(offset: start, names: names, header: header)
        var cut = ReplicationStream(offset: start, names: names, header: header)
        wholeBatch.reset()
        cutBatch.reset()
        whole.batch = wholeBatch
        cut.batch = cutBatch
        let wholeProblem = whole.feed(bytes)
        var cutProblem: String?
        var rest = bytes[...]
        for length in lengths where cutProblem == nil {
            cutProblem = cut.feed(UnsafeRawBufferPointer(rebasing: rest.prefix(Int(length))))
            rest = rest.dropFirst(Int(length))
        }
        if cutProblem == nil { cutProblem = cut.feed(UnsafeRawBufferPointer(rebasing: rest)) }
        Fuzzer.check(wholeProblem == cutProblem, "\(wholeProblem ?? "fine") in one piece, else \(cutProblem ?? "fine")")
        Fuzzer.check(whole.takeEvents() == cut.takeEvents(), "other events")
        Fuzzer.check(whole.offset == cut.offset, "offset \(whole.offset) or \(cut.offset)")
        Fuzzer.check(whole.counts == cut.counts, "other counts")
        Fuzzer.check(whole.transferBytes == cut.transferBytes, "other bytes of a transfer")
        Fuzzer.check(whole.counts[.publish] == wholeBatch.count, "a PUBLISH is counted that was not passed on")
        Fuzzer.check(same(wholeBatch, cutBatch), "other envelopes")
    }

    private static func same(_ one: EnvelopeBatch, _ other: EnvelopeBatch) -> Bool {
        guard one.count == other.count, one.byteCount == other.byteCount else { return false }
        var contents: [[UInt8]] = []
        one.forEach { channel, _, payload in contents.append([UInt8(truncatingIfNeeded: channel)] + payload) }
        var index = 0
        var isSame = true
        other.forEach { channel, _, payload in
            isSame = isSame && contents[index].first == UInt8(truncatingIfNeeded: channel)
            isSame = isSame && contents[index].dropFirst().elementsEqual(payload)
            index += 1
        }
        return isSame
    }
}
