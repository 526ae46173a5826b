import TestSupport
import Testing

@testable import Redis

@Suite struct RESPReaderTests {
    private static let channels = ["chat", "orders", "chat2"]

    @Test(
        arguments: [
            ("+OK\r\n", .status("OK")),
            ("+\r\n", .status("")),
            ("-ERR no\r\n", .error("ERR no")),
            (":0\r\n", .integer(0)),
            (":-9223372036854775808\r\n", .integer(.min)),
            (":9223372036854775807\r\n", .integer(.max)),
            ("$0\r\n\r\n", .bulk([])),
            ("$5\r\na\r\nbc\r\n", .bulk([0x61, 13, 10, 0x62, 0x63])),
            ("$-1\r\n", .null),
            ("*-1\r\n", .null),
            ("*0\r\n", .array([])),
            ("*1\r\n*0\r\n", .array([.array([])])),
            ("*2\r\n$-1\r\n*-1\r\n", .array([.null, .null])),
            (
                "*5\r\n+a\r\n-b\r\n:1\r\n$1\r\nc\r\n*2\r\n:2\r\n:3\r\n",
                .array([.status("a"), .error("b"), .integer(1), .bulk([0x63]), .array([.integer(2), .integer(3)])])
            ),
            (
                "*2\r\n*2\r\n*1\r\n:1\r\n:2\r\n:3\r\n",
                .array([.array([.array([.integer(1)]), .integer(2)]), .integer(3)])
            ),
            ("*3\r\n*3\r\n:1\r\n:2\r\n:3\r\n*0\r\n+x\r\n", .array([ints(1, 2, 3), .array([]), .status("x")])),
        ] as [(String, RESPValue)])
    func reply(text: String, expected: RESPValue) {
        // The same on a command connection and on a subscribed one.
        #expect(Reading(of: text) == Reading(replies: [expected]))
        #expect(Reading(of: text, channels: Self.channels) == Reading(replies: [expected]))
    }

    private static func ints(_ numbers: Int64...) -> RESPValue { .array(numbers.map { .integer($0) }) }

    /// Arrays of three that are not messages.
    @Test(
        arguments: [
            (
                "*3\r\n$9\r\nsubscribe\r\n$4\r\nchat\r\n:1\r\n",
                .array([.bulk(Array("subscribe".utf8)), .bulk(Array("chat".utf8)), .integer(1)])
            ),
            ("*3\r\n:1\r\n:2\r\n:3\r\n", ints(1, 2, 3)),
            ("*3\r\n$-1\r\n$-1\r\n$-1\r\n", .array([.null, .null, .null])),
            ("*3\r\n*0\r\n*-1\r\n+x\r\n", .array([.array([]), .null, .status("x")])),
            ("*3\r\n*3\r\n:1\r\n:2\r\n:3\r\n+x\r\n+y\r\n", .array([ints(1, 2, 3), .status("x"), .status("y")])),
            (
                "*3\r\n$7\r\nMESSAGE\r\n+a\r\n+b\r\n",
                .array([.bulk(Array("MESSAGE".utf8)), .status("a"), .status("b")])
            ),
            (
                "*3\r\n$7\r\nmessagf\r\n+a\r\n+b\r\n",
                .array([.bulk(Array("messagf".utf8)), .status("a"), .status("b")])
            ),
            ("*3\r\n$6\r\nmessag\r\n+a\r\n+b\r\n", .array([.bulk(Array("messag".utf8)), .status("a"), .status("b")])),
            (
                "*3\r\n+a\r\n$7\r\nmessage\r\n+b\r\n",
                .array([.status("a"), .bulk(Array("message".utf8)), .status("b")])
            ),
            (
                "*2\r\n$7\r\nmessage\r\n$4\r\nchat\r\n",
                .array([.bulk(Array("message".utf8)), .bulk(Array("chat".utf8))])
            ),
            (
                "*1\r\n*3\r\n$7\r\nmessage\r\n$4\r\nchat\r\n$1\r\nx\r\n",
                .array([.array([.bulk(Array("message".utf8)), .bulk(Array("chat".utf8)), .bulk([0x78])])])
            ),
        ] as [(String, RESPValue)])
    func arrayThatIsNoMessage(text: String, expected: RESPValue) {
        #expect(Reading(of: text, channels: Self.channels) == Reading(replies: [expected]))
    }

    /// A connection without channels treats a "message" as the reply that it is.
    @Test func messagesAreRepliesToAClient() {
        let expected: [RESPValue] = [
            .array([.bulk(Array("message".utf8)), .bulk(Array("chat".utf8)), .bulk(Array("1 x".utf8))])
        ]
        #expect(Reading(of: Wire.message("chat", "1 x")) == Reading(replies: expected))
    }

    @Test func messagesOfSeveralChannels() {
        let bytes =
            Wire.message("chat", "1 a") + Wire.message("orders", "7 b") + Wire.message("chat2", "")
            + Wire.message("chat", "2 c\r\n")
        #expect(
            Reading(of: bytes, channels: Self.channels)
                == Reading(envelopes: [
                    ReceivedEnvelope(0, "1 a"), ReceivedEnvelope(1, "7 b"), ReceivedEnvelope(2, ""),
                    ReceivedEnvelope(0, "2 c\r\n"),
                ]))
    }

    @Test func messagesOfUnknownChannelsAreCountedOnly() {
        let bytes =
            Wire.message("chat", "1 a") + Wire.message("chat3", "x") + Wire.message("", "y") + Wire.message("cha", "z")
            + Wire.message("chat", "2 b")
        #expect(
            Reading(of: bytes, channels: Self.channels)
                == Reading(envelopes: [ReceivedEnvelope(0, "1 a"), ReceivedEnvelope(0, "2 b")], stray: 3))
    }

    /// Redis never sends these. They are dropped completely, and subsequent data is unaffected.
    @Test(arguments: [
        ":5\r\n$1\r\nx\r\n", "$-1\r\n$1\r\nx\r\n", "*-1\r\n$1\r\nx\r\n", "*0\r\n$1\r\nx\r\n",
        "*2\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nx\r\n", "*3\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n$1\r\nx\r\n",
        "*3\r\n$7\r\nmessage\r\n$4\r\nchat\r\n$1\r\nc\r\n$1\r\nx\r\n",
        "$4\r\nchat\r\n:5\r\n", "$4\r\nchat\r\n$-1\r\n", "$4\r\nchat\r\n*0\r\n", "$4\r\nchat\r\n*-1\r\n",
        "$4\r\nchat\r\n*2\r\n*1\r\n:1\r\n+x\r\n", "$4\r\nchat\r\n*3\r\n$1\r\na\r\n$1\r\nb\r\n$1\r\nc\r\n",
        ":1\r\n:2\r\n", "*1\r\n:1\r\n*1\r\n:1\r\n",
    ])
    func messageOfWrongShape(rest: String) {
        let bytes =
            Wire.message("orders", "1 a") + Array("*3\r\n$7\r\nmessage\r\n\(rest)".utf8) + Array("+OK\r\n".utf8)
            + Wire.message("chat", "2 b") + Wire.pong
        #expect(
            Reading(of: bytes, channels: Self.channels)
                == Reading(
                    replies: [.status("OK"), .array([.bulk(Array("pong".utf8)), .bulk([])])],
                    envelopes: [ReceivedEnvelope(1, "1 a"), ReceivedEnvelope(0, "2 b")], stray: 1))
    }

    @Test func repliesAreReturnedOnce() {
        let reader = RESPReader()
        #expect(Array("+a\r\n:1\r\n".utf8).withUnsafeBytes { reader.feed($0) } == nil)
        #expect(reader.takeReplies() == [.status("a"), .integer(1)])
        #expect(reader.takeReplies() == [])
        #expect(Array("+b\r\n".utf8).withUnsafeBytes { reader.feed($0) } == nil)
        #expect(reader.takeReplies() == [.status("b")])
    }

    @Test func noBytesAreNoReply() {
        #expect(Reading(of: [], channels: Self.channels) == Reading())
        let reader = RESPReader()
        #expect(reader.feed(UnsafeRawBufferPointer(start: nil, count: 0)) == nil)
    }

    /// A batch may be exchanged between reads; each envelope goes to the batch at its end.
    @Test func envelopeGoesIntoTheBatchAtItsEnd() {
        let reader = RESPReader(channels: ["chat"])
        let bytes = Wire.message("chat", "1 a") + Wire.message("chat", "2 b")
        let first = EnvelopeBatch()
        let second = EnvelopeBatch()
        reader.batch = first
        #expect(bytes.dropLast(4).withUnsafeBytes { reader.feed($0) } == nil)
        reader.batch = second
        #expect(bytes.suffix(4).withUnsafeBytes { reader.feed($0) } == nil)
        #expect(first.envelopes == [ReceivedEnvelope(0, "1 a")])
        #expect(second.envelopes == [ReceivedEnvelope(0, "2 b")])
    }

    // MARK: - Invalid RESP

    @Test(arguments: [
        ("HTTP/1.1 400 Bad Request\r\n", "Protocol error, got \"H\" as reply type byte"),
        ("\r\n", "Protocol error"),
        ("$-2\r\n", "Bulk string length out of range"),
        ("$x\r\n", "Bad bulk string length"),
        ("$99999999999999999999\r\n", "Bad bulk string length"),
        ("*-2\r\n", "Multi-bulk length out of range"),
        ("*2147483648\r\n", "Multi-bulk length out of range"),
        ("*x\r\n", "Bad multi-bulk length"),
        (String(repeating: "*1\r\n", count: 12), "No support for nested multi bulk replies"),
    ])
    func refuses(text: String, words: String) throws {
        let reading = Reading(of: "+OK\r\n" + text, channels: Self.channels)
        #expect(reading.replies == [.status("OK")])
        #expect(try #require(reading.problem).contains(words))
    }

    @Test func keepsRefusingAfterAnError() {
        let reader = RESPReader()
        #expect(Array("?\r\n".utf8).withUnsafeBytes { reader.feed($0) } != nil)
        #expect(Array("+OK\r\n".utf8).withUnsafeBytes { reader.feed($0) } != nil)
        #expect(reader.takeReplies() == [])
    }

    /// A length is trusted only as far as bytes arrive: no memory is reserved, nothing is returned, nothing fails.
    @Test(arguments: [
        "*2147483647\r\n", "$999999999\r\n", "*3\r\n$7\r\nmessage\r\n$999999999\r\n",
    ])
    func hugeLengthWaits(text: String) {
        #expect(Reading(of: text + "+OK\r\n", channels: Self.channels) == Reading())
    }

    @Test(arguments: ["", "*3\r\n$7\r\nmessage\r\n", "+" + String(repeating: "x", count: 5_000) + "\r\n"])
    func aStringAnnouncedTooLongIsNotWaitedFor(before: String) {
        for length in ["100001", "99999999999", "99999999999999999999999"] {
            let stream = Array((before + "$\(length)\r\nx").utf8)
            let reading = Reading(of: [stream[...]], channels: Self.channels, longestElement: 100_000)
            #expect(reading.problem != nil, "\(length)")
        }
        let allowed = Reading(
            of: [Array((before + "$100000\r\nx").utf8)[...]], channels: Self.channels, longestElement: 100_000)
        #expect(allowed.problem == nil)
    }

    /// Digits of an incomplete line are not a string header: not yet, or not at all.
    @Test(arguments: [":100001\r", ":1000000000000000001\r", "+99999999999999999999999", "+99999999999999999999999\r"])
    func aLineOfDigitsThatIsCutIsNoLength(start: String) {
        let rest = start.hasSuffix("\r") ? "\n" : "\r\n"
        let pieces = [Array(start.utf8)[...], Array(rest.utf8)[...]]
        let reading = Reading(of: pieces, channels: Self.channels, longestElement: 100_000)
        #expect(reading.problem == nil)
        #expect(reading.replies.count == 1)
    }

    @Test(arguments: ["$9999999999\r\n", "*3\r\n$7\r\nmessage\r\n$4\r\nchat\r\n$9999999999\r\n", "+"])
    func elementWithoutEndIsGivenUp(start: String) throws {
        let endless = Array(start.utf8) + [UInt8](repeating: 0x61, count: 200_000)
        let reading = Reading(of: [endless[...]], channels: Self.channels, longestElement: 100_000)
        #expect(reading.replies.isEmpty)
        #expect(reading.envelopes.isEmpty)
        #expect(try #require(reading.problem).contains("more than 100000 bytes"))
    }

    @Test func longStreamOfShortElementsIsNotALongElement() {
        var random = SplitMix64(seed: 5)
        let bytes = Array(repeating: Wire.message("chat", "1 a"), count: 10_000).flatMap { $0 }
        let reading = Reading(
            of: bytes.randomPieces(longest: 40_000, using: &random), channels: ["chat"], longestElement: 20_000)
        #expect(reading.problem == nil)
        #expect(reading.envelopes.count == 10_000)
    }
}
