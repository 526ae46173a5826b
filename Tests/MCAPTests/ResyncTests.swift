import TestSupport
import Testing

@testable import MCAP

/// A chunk with intact bytes is found, from any writer, at any position and between any data.
///
/// The expectation is derived from the bytes alone, without the reader. Chunks that ``Wreck`` calls hidden are
/// excluded: data within another chunk may be the payload of a message, which anyone can send.
@Suite struct ResyncTests {
    @Test(arguments: 1...4) func completeChunksAreFoundAfterDamage(damages: Int) async throws {
        var random = SplitMix64.announced(for: "completeChunksAreFoundAfterDamage(\(damages))")
        for round in 0..<500 {
            await Task.yield()
            var wreck = Wreck(&random)
            for _ in 0..<damages { wreck.damage(&random) }
            let failures = try wreck.failures()
            try #require(failures == [], "round \(round): \(wreck.history)")
        }
    }
}
