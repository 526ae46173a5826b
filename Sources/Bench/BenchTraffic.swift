import Backplane
import Capture
import Loopback
import MCAP
import NIOCore
import Time

/// Envelopes like those of a node, created in advance: calls of a chat hub with varying words.
///
/// The words come from a random vocabulary, sized so that zstd compresses like a minute of real traffic: a chunk of
/// 200-byte envelopes shrinks to about a quarter.
struct BenchTraffic: Sendable {
    /// Many times a chunk, so that no chunk contains a line twice.
    private static let poolBytes = 4 << 20
    private static let vocabulary = 2_048
    private static let chatters = 256
    /// Digits of an id plus the space after it.
    private static let idBytes = 7

    /// Concatenated, each `blobBytes` long.
    let blobs: [UInt8]
    let blobBytes: Int
    let count: Int

    /// - Parameters:
    ///   - payloadBytes: the size of an envelope, with an id of six digits.
    ///   - isOver: checked before each envelope; true cancels.
    /// - Throws: `CancellationError` if it was cancelled.
    init(payloadBytes: Int, seed: UInt64 = 0x5167a1, isOver: () -> Bool = { false }) throws {
        blobBytes = payloadBytes - Self.idBytes
        count = Self.poolBytes / blobBytes + 1
        var random = SplitMix64(seed: seed)
        let words = (0..<Self.vocabulary).map { _ in Array((Self.word(2...10, &random) + " ").utf8) }
        let people = (0..<Self.chatters).map { _ in (id: Self.guid(&random), name: Self.word(3...7, &random)) }
        var blobs: [UInt8] = []
        blobs.reserveCapacity(count * blobBytes)
        for _ in 0..<count {
            guard !isOver() else { throw CancellationError() }
            let (id, name) = people[Int.random(in: people.indices, using: &random)]
            let isForAll = Int.random(in: 0..<3, using: &random) > 0
            let key = isForAll ? "h-chatHub" : "hg-chatHub." + Self.groups[Int.random(in: 0..<5, using: &random)]
            let head = #"{"H":"chatHub","M":"\#(isForAll ? "broadcastMessage" : "groupMessage")","A":["\#(name)",""#
            let tail = #""]}"#
            func blob(_ text: [UInt8]) -> [UInt8] {
                let value = Array(head.utf8) + text + Array(tail.utf8)
                return ScaleoutMessage(messages: [Message(source: id, key: key, value: value)], createdTicks: 0)
                    .encoded()
            }
            var text: [UInt8] = []
            let room = blobBytes - blob([]).count
            while text.count < room { text += words[Int.random(in: words.indices, using: &random)] }
            blobs += blob(Array(text.prefix(room)))
        }
        precondition(blobs.count == count * blobBytes, "a blob does not fit into \(blobBytes) bytes")
        self.blobs = blobs
    }

    /// Appends a blob, with the current time as creation time.
    func append(_ index: Int, createdAt now: Moment, to buffer: inout ByteBuffer) {
        let start = index % count * blobBytes
        // The creation time is a blob's last field.
        buffer.writeBytes(blobs[start..<start + blobBytes - 8])
        buffer.writeInteger(
            DotNetTicks(unixNanoseconds: Int64(now.realtime)).rawValue, endianness: .little)
    }

    private static let groups = ["lobby", "sales", "support", "ops", "dev"]

    private static func word(_ length: ClosedRange<Int>, _ random: inout SplitMix64) -> String {
        let letters = (0..<Int.random(in: length, using: &random)).map { _ in UInt8.random(in: 97...122, using: &random)
        }
        return String(decoding: letters, as: UTF8.self)
    }

    private static func guid(_ random: inout SplitMix64) -> String {
        let digits = Array("0123456789abcdef")
        return String(
            [8, 4, 4, 4, 12].map { length in
                String((0..<length).map { _ in digits[Int.random(in: 0..<16, using: &random)] })
            }.joined(separator: "-"))
    }
}

/// Measures how fast one processor compresses payloads, and the ratio.
struct ZstdProbe {
    private static let chunkBytes = 256 * 1024
    private static let seconds = 0.2

    /// Payload bytes per second of CPU time, independent of other load.
    let bytesPerSecond: Double
    let ratio: Double

    /// - Parameter isOver: checked before each chunk; true cancels.
    /// - Throws: ``SetupError``; `CancellationError` if it was cancelled.
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
