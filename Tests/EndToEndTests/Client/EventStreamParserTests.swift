import TestSupport
import Testing

@testable import Loopback
@testable import SignalRClient

struct EventStreamParserTests {
    static let stream = """
        data: initialized\r
        \r
        : a comment
        data:{"C":"s-0,1E","S":1,"M":[]}\r\r\
        event: x
        id: 7

        data: two
        data:
        data: lines


        data: {"A":"日本 👍"}

        data: never finished
        """
    static let events = ["initialized", #"{"C":"s-0,1E","S":1,"M":[]}"#, "two\n\nlines", #"{"A":"日本 👍"}"#]

    @Test func parsesEvents() {
        #expect(Self.parse([Array(Self.stream.utf8)]) == Self.events)
    }

    @Test func parsesEventsInArbitraryFragments() {
        let bytes = Array(Self.stream.utf8)
        for cut in 0...bytes.count {
            #expect(Self.parse([Array(bytes[..<cut]), Array(bytes[cut...])]) == Self.events, "cut at \(cut)")
        }
        #expect(Self.parse(bytes.map { [$0] }) == Self.events)
    }

    @Test func randomFragmentsOfRandomBytesDoNotCrash() {
        var random = SplitMix64.announced()
        let alphabet = Array("data: \r\n{}".utf8)
        for _ in 0..<500 {
            let pieces = (0..<20).map { _ in
                (0..<Int.random(in: 0..<20, using: &random)).map { _ in alphabet.randomElement(using: &random) ?? 0 }
            }
            let whole = Self.parse([Array(pieces.joined())])
            #expect(Self.parse(pieces) == whole)
        }
    }

    @Test func refusesAnEndlessLine() {
        var parser = EventStreamParser()
        parser.maximumLineBytes = 1000
        let piece = [UInt8](repeating: UInt8(ascii: "x"), count: 100)
        let accepted = (0..<40).prefix { _ in piece.withUnsafeBytes { parser.append($0) { _ in } } }
        #expect(accepted.count == 10)
    }

    private static func parse(_ pieces: [[UInt8]]) -> [String] {
        var parser = EventStreamParser()
        var events: [String] = []
        for piece in pieces {
            let isSane = piece.withUnsafeBytes { bytes in
                parser.append(bytes) { events.append(String(decoding: $0, as: UTF8.self)) }
            }
            #expect(isSane)
        }
        return events
    }
}
