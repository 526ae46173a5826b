import Testing

@testable import Redis

/// What a server sends after HELLO 3 on a connection that subscribes.
@Suite struct RESP3ReplyTests {
    /// As Redis 8 answers, with a module, and an attribute before it.
    private static let hello = Array(
        """
        %7|$6|server|$5|redis|$7|version|$5|8.0.0|$5|proto|:3|$2|id|:12|$4|mode|$10|standalone|$4|role|$6|master|\
        $7|modules|*1|%4|$4|name|$2|vs|$3|ver|:1|$4|path|$0||$4|args|*0|
        """.replacing("|", with: "\r\n").utf8)

    private static func push(_ message: [UInt8]) -> [UInt8] { [UInt8(ascii: ">")] + message.dropFirst() }

    @Test func `a map has a length once it is complete`() {
        let stream = Self.hello + Array("+OK\r\n".utf8)
        for count in 0...stream.count {
            let length = stream.prefix(count).withUnsafeBytes { RESP3Reply.length($0) }
            #expect(length == (count < Self.hello.count ? nil : Self.hello.count), "\(count) bytes")
        }
    }

    @Test(arguments: [
        ("_\r\n", 3), ("#t\r\n", 4), (",1.5\r\n", 6), ("(12\r\n", 5), ("=6\r\ntxt:ab\r\n", 12), ("$-1\r\n", 5),
        ("*-1\r\n", 5), ("%0\r\n", 4), ("~2\r\n:1\r\n:2\r\n", 12), ("|1\r\n+a\r\n+b\r\n:1\r\n", 16),
    ])
    func `each type has a length`(text: String, length: Int) {
        let found = Array((text + "+next\r\n").utf8).withUnsafeBytes { RESP3Reply.length($0) }
        #expect(found == length)
    }

    @Test(arguments: ["%99999999\r\n", "*65537\r\n", "$x\r\n", "%12345678901\r\n", "\n"])
    func `what is not a value has none`(text: String) {
        let found = Array(text.utf8).withUnsafeBytes { RESP3Reply.length($0) }
        #expect(found == nil)
    }

    /// However the stream is cut, and with payloads that look like RESP3.
    @Test func `messages and confirmations are those of RESP2`() {
        let payloads = [">3\r\n", "%1\r\n", "", String(repeating: "x", count: 5_000), "last"]
        let head = Self.hello + Self.push(Wire.confirmation("chat")) + Array("+PONG\r\n-ERR no\r\n".utf8)
        let stream =
            payloads.reduce(into: head) { $0 += Self.push(Wire.message("chat", $1)) } + Array("+OK\r\n".utf8)
        let sizes = [1, 2, 3, 7, 64, 4_096, stream.count]
        for size in sizes {
            let reader = RESPReader(names: SubscribedName.plain(["chat"]), speaksRESP3: true)
            let batch = EnvelopeBatch()
            reader.batch = batch
            var replies: [RESPValue] = []
            for start in stride(from: 0, to: stream.count, by: size) {
                let piece = Array(stream[start..<min(stream.count, start + size)])
                let problem = piece.withUnsafeBytes { reader.feed($0) }
                #expect(problem == nil)
                replies += reader.takeReplies()
            }
            #expect(batch.envelopes == payloads.map { ReceivedEnvelope(0, $0) }, "pieces of \(size)")
            #expect(
                replies == [
                    .array([]), .array([.bulk(Array("subscribe".utf8)), .bulk(Array("chat".utf8)), .integer(1)]),
                    .status("PONG"), .error("ERR no"), .status("OK"),
                ], "pieces of \(size)")
        }
    }

    @Test func `a connection that does not ask for RESP3 reports it as damage`() {
        let reader = RESPReader(names: SubscribedName.plain(["chat"]))
        reader.batch = EnvelopeBatch()
        let problem = Self.push(Wire.message("chat", "a")).withUnsafeBytes { reader.feed($0) }
        #expect(problem != nil)
    }
}
