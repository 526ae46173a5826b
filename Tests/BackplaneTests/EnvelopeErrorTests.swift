import Backplane
import Testing

/// Each error, at the offset where it is detected.
@Suite struct EnvelopeErrorTests {
    struct Case: CustomTestStringConvertible {
        var testDescription: String
        var payload: [UInt8]
        var reason: EnvelopeError.Reason
        var offset: Int
    }

    /// An envelope `7 ` with the given body; the body begins at offset 6, its first message at 10.
    private static func framed(_ body: [UInt8]) -> [UInt8] {
        "7 ".utf8 + littleEndian(Int32(body.count)) + body
    }

    private static func oneMessage(_ message: [UInt8]) -> [UInt8] {
        framed(littleEndian(Int32(1)) + message + littleEndian(Int64(0)))
    }

    private static let padding = [UInt8](repeating: 0, count: 10)

    static let cases: [Case] = [
        .init("empty", [], .noID, 0),
        .init("no digit", " 7", .noID, 0),
        .init("a negative id", "-7 ", .noID, 0),
        .init("digits and nothing else", "42", .noID, 2),
        .init("a foreign publish", "hello world", .noID, 0),
        .init("as Lua writes large ids", "1e+14 ", .idNotUInt64, 1),
        .init("a fraction", "7.0 ", .idNotUInt64, 1),
        .init("a sign behind the digits", "7- ", .idNotUInt64, 1),
        .init("white space within", "7\t7 ", .idNotUInt64, 1),
        .init("white space behind the sign", "+\t7 ", .noID, 0),
        .init("zero bytes before white space", "7\0\t ", .idNotUInt64, 1),
        .init("a no-break space", "7\u{A0} ", .idNotUInt64, 1),
        .init("2^64 with a sign", "+18446744073709551616 ", .idOverflow, 20),
        .init("2^64", "18446744073709551616 ", .idOverflow, 19),
        .init("21 digits", "100000000000000000000 ", .idOverflow, 20),

        .init("no blob", "7 ", .truncated, 2),
        .init("half a length", "7 \u{1}\u{0}", .truncated, 2),
        .init("a negative blob length", "7 ".utf8 + littleEndian(Int32(-1)), .negativeLength, 2),
        .init("a blob length too large, and nothing", "7 ".utf8 + littleEndian(Int32(1)), .truncated, 6),
        .init("bytes behind a blob of nothing", "7 ".utf8 + littleEndian(Int32(0)) + [0], .truncated, 6),
        .init("no count", framed([]), .truncated, 6),
        .init("no ticks", framed(littleEndian(Int32(0)) + [1, 2, 3, 4, 5, 6, 7]), .truncated, 10),
        .init("a negative count without ticks", framed(littleEndian(Int32(-1)) + [0]), .truncated, 10),
        .init("ticks of -1", framed(littleEndian(Int32(0)) + littleEndian(Int64(-1))), .badTicks, 10),
        .init(
            "ticks of the year 10000", framed(littleEndian(Int32(0)) + littleEndian(Int64(3_155_378_976_000_000_000))),
            .badTicks, 10),
        .init(
            "ticks that a byte has moved", framed(littleEndian(Int32(0)) + littleEndian(Int64.max) + [0]), .badTicks, 10
        ),
        .init("a count that nothing follows", framed(littleEndian(Int32(1)) + littleEndian(Int64(0))), .hugeCount, 6),
        .init("a message of nine bytes", oneMessage(Array(padding.dropLast())), .hugeCount, 6),
        .init(
            "the largest count", framed(littleEndian(Int32.max) + padding + littleEndian(Int64(0))), .hugeCount, 6),

        .init("a string longer than what is left", oneMessage([11] + padding), .lengthBeyondPayload, 10),
        .init("a string length without an end", oneMessage([UInt8](repeating: 0x80, count: 10)), .badVarint, 10),
        .init("a string length of 2^31", oneMessage([0x80, 0x80, 0x80, 0x80, 8] + padding), .badVarint, 10),
        .init(
            "a string length of 2^31 - 1", oneMessage([0xFF, 0xFF, 0xFF, 0xFF, 7] + padding), .lengthBeyondPayload, 10),
        .init("a filter that ends in its length", oneMessage(padding.dropLast() + [0x80]), .truncated, 19),
        .init("a value that ends in its length", oneMessage([0, 8] + padding.dropLast()), .truncated, 20),
        .init(
            "a value of negative length", oneMessage([0, 0] + littleEndian(Int32(-1)) + padding), .negativeLength, 12),
        .init(
            "a value too long", oneMessage([0, 0] + littleEndian(Int32(5)) + [0, 0, 0, 0]), .lengthBeyondPayload, 12),
    ]

    @Test(arguments: cases)
    func eachDamageHasItsReasonAndPlace(_ damaged: Case) {
        let error = #expect(throws: EnvelopeError.self) { try walk(damaged.payload).get() }
        #expect(error?.reason == damaged.reason)
        #expect(error?.offset == damaged.offset)
        #expect(decode(damaged.payload) == walk(damaged.payload))
    }

    @Test func everyReasonIsReached() {
        #expect(Set(Self.cases.map(\.reason)) == Set(EnvelopeError.Reason.allCases))
    }

    @Test func aFailedWalkKeepsThrowingTheSameError() throws {
        try Self.oneMessage([0, 0] + littleEndian(Int32(-1)) + Self.padding).withUnsafeBytes { bytes in
            var walk = try EnvelopeWalk(bytes)
            let first = #expect(throws: EnvelopeError.self) { _ = try walk.next() }
            let second = #expect(throws: EnvelopeError.self) { _ = try walk.next() }
            #expect(first == second)
        }
    }

    @Test func aWalkAtItsEndStaysThere() throws {
        try Self.oneMessage(Self.padding).withUnsafeBytes { bytes in
            var walk = try EnvelopeWalk(bytes)
            #expect(try walk.next() != nil)
            #expect(try walk.next() == nil)
            #expect(try walk.next() == nil)
        }
    }

    @Test func theIDIsReadEvenIfTheRestDoesNotDecode() throws {
        let id = try Array("18446744073709551615 junk".utf8).withUnsafeBytes { try EnvelopeID.parse($0) }
        #expect(id == (UInt64.max, 21))
    }

    @Test func labelsAreSnakeCaseAndUnique() {
        let labels = EnvelopeError.Reason.allCases.map(\.label)
        #expect(Set(labels).count == labels.count)
        #expect(labels.allSatisfy { $0.allSatisfy { $0 == "_" || $0.isNumber || ("a"..."z").contains($0) } })
    }

    @Test func theDescriptionNamesTheErrorAndItsOffset() {
        let error = #expect(throws: EnvelopeError.self) { try Envelope(decoding: Array("1e+14 ".utf8)) }
        #expect(
            error?.description
                == "not a SignalR envelope: its id is not a plain decimal number "
                + "(Redis writes ids from 10^14 on as 1e+14), at byte 1")
    }
}

extension EnvelopeErrorTests.Case {
    init(_ name: String, _ payload: [UInt8], _ reason: EnvelopeError.Reason, _ offset: Int) {
        self.init(testDescription: name, payload: payload, reason: reason, offset: offset)
    }

    init(_ name: String, _ payload: String, _ reason: EnvelopeError.Reason, _ offset: Int) {
        self.init(name, Array(payload.utf8), reason, offset)
    }
}
