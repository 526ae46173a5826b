import TestSupport
import Testing

@testable import MCAP

/// A chunk whose bytes are whole is found, ours or another program's, whatever stands around it and wherever it stands.
///
/// What to expect is found without the reader, by the bytes alone. Nothing is expected of a chunk that ``Wreck`` calls
/// hidden: what stands inside of another chunk may be the payload of a message, which anybody can send.
@Suite struct ResyncTests {
    @Test(arguments: 1...4) func wholeChunksAreFoundBehindDamage(damages: Int) async throws {
        var random = SplitMix64.announced(for: "wholeChunksAreFoundBehindDamage(\(damages))")
        for round in 0..<500 {
            await Task.yield()
            var wreck = Wreck(&random)
            for _ in 0..<damages { wreck.damage(&random) }
            let failures = try wreck.failures()
            try #require(failures == [], "round \(round): \(wreck.history)")
        }
    }
}
