/// Generates chat messages: mostly a line, sometimes a pasted log.
package struct SmallTalk {
    private static let words = [
        "hello", "there", "did", "you", "see", "the", "deploy", "it", "works", "again", "thanks", "looking", "into",
        "coffee", "ticket", "customer", "says", "page", "is", "slow", "now", "fine", "👍", "rollback", "tomorrow",
        "über", "meeting", "at", "ten", "who", "on", "call", "日本語", "<b>", "\"quoted\"",
    ]

    private var random: SplitMix64

    /// - Parameter seed: the same seed gives the same lines.
    package init(seed: UInt64) {
        random = SplitMix64(seed: seed)
    }

    /// The next message: 2 to 18 words, or 600 in one of 50 cases.
    package mutating func line() -> String {
        let count = chance(of: 50) ? 600 : Int.random(in: 2...18, using: &random)
        return (0..<count).map { _ in Self.words[Int.random(in: Self.words.indices, using: &random)] }
            .joined(separator: " ")
    }

    /// True with probability 1/count.
    package mutating func chance(of count: Int) -> Bool {
        Int.random(in: 0..<count, using: &random) == 0
    }

    /// A random number from 0 to below `bound`, which must be above 0.
    package mutating func number(below bound: Int) -> Int {
        Int.random(in: 0..<bound, using: &random)
    }
}

/// A small seeded generator, for repeatable runs.
package struct SplitMix64: RandomNumberGenerator {
    private var state: UInt64

    /// - Parameter seed: any number; the same seed gives the same sequence.
    package init(seed: UInt64) {
        state = seed
    }

    /// The next 64 bits (SplitMix64, Steele et al., 2014).
    package mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var z = state
        z = (z ^ (z >> 30)) &* 0xBF58_476D_1CE4_E5B9
        z = (z ^ (z >> 27)) &* 0x94D0_49BB_1331_11EB
        return z ^ (z >> 31)
    }
}
