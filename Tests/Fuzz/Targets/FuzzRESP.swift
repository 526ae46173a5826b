import FuzzSupport

@testable import Redis

/// A stream from a hostile server, in one piece and in fragments: the result must not depend on the cuts.
///
/// Input: number of cuts and kind of connection (16: commands only, 32: with patterns, 64: RESP3), that many fragment
/// lengths, the stream.
@main
enum FuzzRESP {
    private static let longestElement = 512
    /// Reused: creating one per input would take most of the time.
    private static let wholeBatch = EnvelopeBatch()
    private static let cutBatch = EnvelopeBatch()

    static func main() {
        Fuzzer.run { start, count in
            var input = InputReader(start, count)
            let first = input.byte()
            let lengths = input.bytes(Int(first & 15))
            FuzzRESP.check(
                input.rest(), lengths: lengths,
                names: first & 16 == 0 ? (first & 32 == 0 ? FuzzRESP.plain : FuzzRESP.named) : nil,
                speaksRESP3: first & 64 != 0)
            return 0
        }
    }

    private static let plain = [SubscribedName(channel: "chat", index: 0), SubscribedName(channel: "orders", index: 1)]
    private static let named =
        plain + [
            SubscribedName(channel: Array("H:all".utf8), index: 2, keepsName: true),
            SubscribedName(pattern: Array("H:group:*".utf8), beginning: Array("H:group:".utf8), index: 2),
            SubscribedName(pattern: Array("H:group:a:*".utf8), beginning: Array("H:group:a:".utf8), index: 3),
        ]
    private static let header = MessageHeader(
        count: { channel, _ in channel },
        write: { channel, _, destination in
            if let start = channel.baseAddress { destination.copyMemory(from: start, byteCount: channel.count) }
        })

    private static func check(
        _ stream: UnsafeRawBufferPointer, lengths: UnsafeRawBufferPointer, names: [SubscribedName]?,
        speaksRESP3: Bool
    ) {
        let whole = RESPReader(
            names: names, header: header, longestElement: longestElement, speaksRESP3: speaksRESP3)
        let cut = RESPReader(names: names, header: header, longestElement: longestElement, speaksRESP3: speaksRESP3)
        wholeBatch.reset()
        cutBatch.reset()
        whole.batch = wholeBatch
        cut.batch = cutBatch
        let wholeProblem = whole.feed(stream)
        var cutProblem: String?
        var rest = stream[...]
        for length in lengths where cutProblem == nil {
            cutProblem = cut.feed(UnsafeRawBufferPointer(rebasing: rest.prefix(Int(length))))
            rest = rest.dropFirst(Int(length))
        }
        if cutProblem == nil { cutProblem = cut.feed(UnsafeRawBufferPointer(rebasing: rest)) }
        // The limit is checked at the end of a feed, so a cut may reveal it earlier, or report an element as too long
        // that would have been complete.
        let isTooLong = [wholeProblem, cutProblem].contains { $0?.hasPrefix("one element") == true }
        if stream.count > longestElement, isTooLong { return }
        Fuzzer.check(wholeProblem == cutProblem, "\(wholeProblem ?? "fine") in one piece, else \(cutProblem ?? "fine")")
        Fuzzer.check(whole.strayMessages == cut.strayMessages, "\(whole.strayMessages) or \(cut.strayMessages) stray")
        let replies = whole.takeReplies()
        Fuzzer.check(replies == cut.takeReplies(), "other replies than \(replies)")
        for reply in replies { _ = (reply.text, reply.integer, reply.summary) }
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
