import Testing

@testable import Backplane

@Suite struct ByteHashTests {
    private func hash(_ text: String, seed: UInt64) -> UInt64 {
        Array(text.utf8).withUnsafeBytes { ByteHash(seed: seed).of($0) }
    }

    /// Keys that differ in a few digits, put into 1,024 buckets by the low and by the high bits: the number of empty
    /// buckets is that of random hashes, for any seed.
    @Test(
        arguments: [UInt64(0), 1, 0x8000_0000_0000_0000, .max, 0x0123_4567_89AB_CDEF] + (2..<20).map { $0 << 56 | $0 })
    func likeKeysFallApart(seed: UInt64) {
        var (low, high): (Set<UInt64>, Set<UInt64>) = ([], [])
        for number in 0..<1_000 {
            let hash = hash("hg-chatHub.room-\(number)", seed: seed)
            low.insert(hash & 1_023)
            high.insert(hash >> 54)
        }
        // 1,024 x (1 - e^(-1,000 / 1,024)) = 638 boxes with a standard deviation of 12.
        #expect((566...710).contains(low.count), "\(low.count)")
        #expect((566...710).contains(high.count), "\(high.count)")
    }

    @Test func everyByteAndTheLengthCount() {
        let texts = [
            "", "\0", "\0\0", "a", "abcdefgh", "abcdefgh\0", "abcdefgi", "bbcdefgh", "abcdefghabcdefgh",
            "abcdefghabcdefgi",
        ]
        .flatMap { [$0, $0 + "0123456789ABCDEF", $0 + "0123456789ABCDEF0123456789ABCDEF"] }
        #expect(Set(texts.map { hash($0, seed: 7) }).count == texts.count)
        #expect(hash("abc", seed: 7) == hash("abc", seed: 7) && hash("abc", seed: 7) != hash("abc", seed: 8))
    }

    /// For any length and any position of the differing byte.
    @Test func eachByteCounts() {
        for length in 1...70 {
            var hashes: Set = [hash(String(repeating: "a", count: length), seed: 7)]
            for place in 0..<length {
                let (before, behind) = (String(repeating: "a", count: place), length - place - 1)
                hashes.insert(hash(before + "b" + String(repeating: "a", count: behind), seed: 7))
            }
            #expect(hashes.count == length + 1)
        }
    }
}
