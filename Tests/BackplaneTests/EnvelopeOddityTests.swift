import Backplane
import Foundation
import Testing

/// Envelopes that nodes decode but never write: decoded the same way, and reported.
@Suite struct EnvelopeOddityTests {
    struct Case: CustomTestStringConvertible, Sendable {
        var testDescription: String
        var payload: [UInt8]
        var oddities: EnvelopeOddities
        /// The node's form of the same envelope.
        var plain: [UInt8]

        init(_ name: String, _ payload: [UInt8], _ oddities: EnvelopeOddities, as plain: [UInt8]) {
            testDescription = name
            self.payload = payload
            self.oddities = oddities
            self.plain = plain
        }
    }

    private static let ticks = littleEndian(Int64(638_000_000_000_000_000))
    private static let body = littleEndian(Int32(1)) + message() + ticks

    private static func message(
        source: [UInt8] = [1, 0x73], key: [UInt8] = [1, 0x6B], flags: [UInt8] = [0, 0], filter: [UInt8] = [0]
    ) -> [UInt8] {
        source + key + littleEndian(Int32(0)) + [0] + flags + filter
    }

    private static func blob(_ body: [UInt8], length: Int? = nil) -> [UInt8] {
        littleEndian(Int32(length ?? body.count)) + body
    }

    private static func framed(_ message: [UInt8]) -> [UInt8] {
        "7 ".utf8 + blob(littleEndian(Int32(1)) + message + ticks)
    }

    private static let plain = "7 ".utf8 + blob(body)

    static let cases: [Case] = [
        .init("as nodes write it", plain, [], as: plain),
        .init("a plus sign", "+7 ".utf8 + blob(body), .id, as: plain),
        .init("leading zeros", "007 ".utf8 + blob(body), .id, as: plain),
        .init("white space before the id", "\t\n\u{B}\u{C}\r7 ".utf8 + blob(body), .id, as: plain),
        .init("white space behind the id", "7\t\r ".utf8 + blob(body), .id, as: plain),
        .init("zero bytes behind the id", "7\t\0\0 ".utf8 + blob(body), .id, as: plain),
        .init("minus zero", "-0 ".utf8 + blob(body), .id, as: "0 ".utf8 + blob(body)),
        .init("bytes behind the blob", plain + [1, 2, 3], .trailingBytes, as: plain),
        .init("bytes behind the time", "7 ".utf8 + blob(body + [9, 9]), .trailingBytes, as: plain),
        .init("bytes behind both", "7 ".utf8 + blob(body + [9, 9]) + [9], .trailingBytes, as: plain),
        .init("a length beyond the end", "7 ".utf8 + blob(body, length: body.count + 100), .blobLength, as: plain),
        .init(
            "a negative number of messages", "7 ".utf8 + blob(littleEndian(Int32(-5)) + ticks), .messageCount,
            as: "7 ".utf8 + blob(littleEndian(Int32(0)) + ticks)),
        .init("a truth value of 2", framed(message(flags: [2, 0])), .boolean, as: framed(message(flags: [1, 0]))),
        .init("a truth value of 255", framed(message(flags: [0, 255])), .boolean, as: framed(message(flags: [0, 1]))),
        .init("a length of more bytes than it needs", framed(message(key: [0x81, 0, 0x6B])), .stringLength, as: plain),
        .init(
            "a length with a bit too many", framed(message(key: [0x81, 0x80, 0x80, 0x80, 0x10, 0x6B])), .stringLength,
            as: plain),
        .init(
            "malformed UTF-8", framed(message(key: [2, 0x6B, 0xFF])), .utf8,
            as: framed(message(key: [4, 0x6B, 0xEF, 0xBF, 0xBD]))),
        .init(
            "several at once", "+7 ".utf8 + blob(littleEndian(Int32(1)) + message(flags: [2, 0]) + ticks + [1]),
            [.id, .boolean, .trailingBytes], as: framed(message(flags: [1, 0]))),
    ]

    @Test(arguments: cases)
    func isDecodedAsNodesDo(_ example: Case) throws {
        let envelope = try walk(example.payload).get()
        #expect(decode(example.payload) == .success(envelope))
        #expect(envelope.encoded() == example.plain)
        let oddities = try example.payload.withUnsafeBytes { bytes in
            var walk = try EnvelopeWalk(bytes)
            while try walk.next() != nil {}
            return walk.oddities
        }
        #expect(oddities == example.oddities, "\(oddities.labels)")
    }

    @Test func everyOddityIsReached() {
        let reached = Self.cases.reduce(into: EnvelopeOddities()) { $0.formUnion($1.oddities) }
        #expect(EnvelopeOddities.allCases.allSatisfy { reached.contains($0) })
    }

    @Test func labelsAreUnique() {
        let labels = EnvelopeOddities.allCases.map(\.label)
        #expect(Set(labels).count == labels.count && !labels.contains("other"))
        #expect(EnvelopeOddities([.id, .utf8]).labels == ["id", "utf8"])
    }

    // MARK: - Real nodes

    /// A line of Vectors/real-nodes/envelopes.jsonl: a payload, and the real decoder's result.
    struct Line: Decodable, Sendable {
        struct Decoded: Decodable, Sendable {
            var id: String
            var ticks: Int64
            var messages: [DecodedMessage]
        }

        struct DecodedMessage: Decodable, Sendable {
            var source: String
            var key: String
            var value: String
            var commandId: String
            var waitForAck: Bool
            var isAck: Bool
            var filter: String
        }

        var payload: Data
        var decode: Decoded?
        var error: String?
    }

    private static func lines() throws -> [Line] {
        let file = try #require(
            Bundle.module.url(forResource: "envelopes", withExtension: "jsonl", subdirectory: "Vectors/real-nodes"))
        return try String(contentsOf: file, encoding: .utf8).split(separator: "\n").map {
            try JSONDecoder().decode(Line.self, from: Data($0.utf8))
        }
    }

    @Test func allGivenLinesArePresent() throws {
        #expect(try Self.lines().count == 46)
    }

    @Test(arguments: 0..<46)
    func isReadAsTheRealDecoderReadIt(_ index: Int) throws {
        let line = try Self.lines()[index]
        let result = decode(line.payload)
        #expect(result == walk(Array(line.payload)))
        guard let decoded = line.decode else {
            #expect(throws: EnvelopeError.self) { try result.get() }
            return
        }
        let envelope = try result.get()
        #expect("\(envelope.id)" == decoded.id)
        #expect(envelope.body.createdTicks == decoded.ticks)
        #expect(
            envelope.body.messages.map { message in
                var message = message
                message.value = Array(String(decoding: message.value, as: UTF8.self).utf8)
                return message
            }
                == decoded.messages.map {
                    Message(
                        source: $0.source, key: $0.key, value: Array($0.value.utf8), commandID: $0.commandId,
                        waitForAck: $0.waitForAck, isAck: $0.isAck, filter: $0.filter)
                })
    }
}
