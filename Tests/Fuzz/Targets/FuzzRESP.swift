import FuzzSupport

@testable import Redis

/// A stream from a hostile server, in one piece and in pieces: what is read must not depend on the cuts.
///
/// Input: number of cuts, that many lengths of pieces, the stream.
@main
enum FuzzRESP {
    private static let longestElement = 1 << 12

    static func main() {
        Fuzzer.run { start, count in
            var input = InputReader(start, count)
            let lengths = Array(input.bytes(Int(input.byte() & 15)))
            FuzzRESP.check(Array(input.rest()), lengths: lengths)
            return 0
        }
    }

    private static func check(_ stream: [UInt8], lengths: [UInt8]) {
        var pieces: [ArraySlice<UInt8>] = []
        var rest = stream[...]
        for length in lengths {
            pieces.append(rest.prefix(Int(length)))
            rest = rest.dropFirst(Int(length))
        }
        pieces.append(rest)
        for channels in [["chat", "orders"], []] {
            let whole = Reading(of: [stream[...]], channels: channels, longestElement: longestElement)
            let cut = Reading(of: pieces, channels: channels, longestElement: longestElement)
            // The limit is met at the end of a feed, so a cut may show it where the whole stream went on.
            if whole.problem?.hasPrefix("one element") != cut.problem?.hasPrefix("one element") { continue }
            Fuzzer.check(whole == cut, "in one piece \(whole), in pieces \(cut)")
            for reply in whole.replies { _ = (reply.text, reply.integer, reply.summary) }
        }
    }
}
