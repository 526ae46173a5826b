import TestSupport
import Testing

@testable import Redis

/// The end of a full sync's data is found however it is split.
@Suite struct TransferSkipperTests {
    private static let mark = "00112233445566778899aabbccddeeff01234567"

    /// Bytes of the data in these pieces; nil if its end was not found.
    private func end(of header: String, _ pieces: [ArraySlice<UInt8>]) -> Int? {
        guard var skipper = TransferSkipper(header: Array(header.utf8)) else { return nil }
        var total = 0
        for piece in pieces {
            let (count, isComplete) = piece.withUnsafeBytes { skipper.skip($0) }
            total += count
            if isComplete { return total }
        }
        return nil
    }

    /// Data that resembles the mark.
    private static let resembling: [String] = [
        "", "x", "0", String(mark.prefix(20)), String(mark.prefix(39)), String(mark.dropLast() + "8"),
        String(mark.dropFirst() + "x"), String("0" + mark.dropFirst(2)), String(mark.prefix(39) + mark.prefix(16)),
    ]

    @Test(arguments: resembling)
    func `at every cut`(data: String) throws {
        let bytes = Array((data + Self.mark + "*1\r\n$4\r\nPING\r\n").utf8)
        let length = data.utf8.count + Self.mark.utf8.count
        for first in 0...bytes.count {
            for second in first...bytes.count {
                let pieces = [bytes[..<first], bytes[first..<second], bytes[second...]]
                let isFound = end(of: "$EOF:\(Self.mark)", pieces) == length && end(of: "$\(length)", pieces) == length
                try #require(isFound, "cut at \(first) and \(second)")
            }
        }
        #expect(end(of: "$EOF:\(Self.mark)", bytes.indices.map { bytes[$0...$0] }) == length)
    }

    @Test(arguments: 1...10 as ClosedRange<UInt64>) func `in data of the mark's own bytes`(seed: UInt64) {
        var random = SplitMix64(seed: seed)
        let letters = Array("01234567".utf8)
        let mark = (0..<40).map { _ in letters[Int.random(in: 0..<2, using: &random)] }
        let data = (0..<5_000).map { _ in letters[Int.random(in: 0..<2, using: &random)] }
        let bytes = data + mark + letters
        let pieces = bytes.randomPieces(longest: 100, using: &random)
        #expect(end(of: "$EOF:" + String(decoding: mark, as: UTF8.self), pieces) == 5_040, "seed \(seed)")
    }

    @Test func `without its end nothing ends`() {
        #expect(end(of: "$EOF:\(Self.mark)", [Array(Self.mark.utf8).dropLast()]) == nil)
        #expect(end(of: "$3", [[1, 2]]) == nil)
        #expect(end(of: "$0", [[]]) == 0)
    }

    @Test(arguments: ["", "$", "$x", "$-1", "$EOF:", "$EOF:123", "$99999999999999999999", "+OK"])
    func `other headers`(text: String) { #expect(TransferSkipper(header: Array(text.utf8)) == nil) }
}
