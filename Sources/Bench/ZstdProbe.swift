import Loopback
import MCAP
import Time

/// Measures how fast one processor compresses payloads, and the ratio.
struct ZstdProbe {
    private static let chunkBytes = 256 * 1024
    private static let seconds = 0.2

    /// Payload bytes per second of CPU time, independent of other load.
    let bytesPerSecond: Double
    let ratio: Double

    /// - Parameter isOver: asked before each chunk; true ends the work.
    /// - Throws: ``SetupError``; `CancellationError` if it was over.
    init(_ traffic: BenchTraffic, isOver: () -> Bool = { false }) throws {
        guard var compression = ChunkCompression(level: 1) else { throw SetupError("no memory for zstd") }
        var before = 0
        var after = 0
        let start = SystemClock.threadSeconds()
        var spent = 0.0
        repeat {
            guard !isOver() else { throw CancellationError() }
            let first = before % max(1, traffic.blobs.count - Self.chunkBytes)
            let chunk = traffic.blobs[first..<min(first + Self.chunkBytes, traffic.blobs.count)]
            after += chunk.withUnsafeBytes { compression.size(of: $0) }
            before += chunk.count
            spent = SystemClock.threadSeconds() - start
        } while spent < Self.seconds
        bytesPerSecond = Double(before) / spent
        ratio = Double(before) / Double(max(1, after))
    }
}
