import Backplane
import MCAP
import Time

@testable import Capture

extension Moment {
    /// 2026-11-22T21:41:00Z.
    static let start = Moment(realtime: 1_795_383_660_000_000_000, monotonic: 5_000_000_000_000)

    func after(milliseconds: UInt64) -> Moment {
        Moment(realtime: realtime + milliseconds * 1_000_000, monotonic: monotonic + milliseconds * 1_000_000)
    }
}

/// Events reported by a writer.
final class WriterLog: CaptureWriterObserver {
    struct Chunk: Equatable {
        var envelopes: Int
        var payloadBytes: Int
    }

    private(set) var chunks: [Chunk] = []
    private(set) var growth = 0
    private(set) var syncs = 0
    private(set) var segments: [String] = []

    func chunkWritten(bytes: Int, envelopes: Int, payloadBytes: Int, nanoseconds: UInt64) {
        chunks.append(Chunk(envelopes: envelopes, payloadBytes: payloadBytes))
        growth += bytes
    }

    private(set) var uncompressedChunks = 0

    func chunkLeftUncompressed() { uncompressedChunks += 1 }

    func synced(nanoseconds: UInt64) { syncs += 1 }

    func segmentOpened(path: String) { segments.append(path) }

    private(set) var losses: [SegmentLoss] = []

    func segmentLost(_ loss: SegmentLoss) { losses.append(loss) }
}

/// A payload in the form published by a node.
func payload(_ id: UInt64, size: Int = 20) -> [UInt8] {
    let text = String(repeating: "\(id)-", count: size).prefix(size)
    let message = Message(
        source: "7391", key: "h-chatHub", value: Array(#"{"H":"chatHub","M":"send","A":["\#(text)"]}"#.utf8))
    let body = ScaleoutMessage(messages: [message], createdTicks: 639_309_800_000_000_000 + Int64(id))
    return Envelope(id: id, body: body).encoded()
}

let testSource = CaptureSource(
    relayVersion: "1.2.3", host: "recorder-1", redis: "redis.example:6379", runID: "a1", redisVersion: "7.2.4")

func makeWriter(
    _ directory: String, channels: [String] = ["chat"], compression: Compression = .zstd(level: 1),
    rotation: RotationPolicy = RotationPolicy(), durability: Durability = .never, source: CaptureSource = testSource,
    previous: CaptureDirectory.Previous = .init(), log: WriterLog = WriterLog()
) -> CaptureWriter {
    CaptureWriter(
        configuration: .init(
            directory: directory, channels: channels, compression: compression, rotation: rotation,
            durability: durability),
        source: source, previous: previous, observer: log)
}

extension CaptureWriter {
    /// One envelope, received now.
    mutating func append(_ payload: [UInt8], channel: Int = 0, at now: Moment) {
        payload.withUnsafeBytes {
            append(
                channel: channel, id: try? EnvelopeID.parse($0).id, publishTime: nil, receivedAt: now.realtime,
                payload: $0, at: now)
        }
    }

    /// Several envelopes, a millisecond apart, and a flush.
    ///
    /// - Returns: the moment of the flush.
    @discardableResult
    mutating func record(
        _ ids: some Sequence<UInt64>, size: Int = 20, channel: Int = 0, from start: Moment
    ) throws -> Moment {
        var now = start
        for id in ids {
            append(payload(id, size: size), channel: channel, at: now)
            now = now.after(milliseconds: 1)
        }
        try flush(now)
        return now
    }
}

/// About 30 envelopes in three chunks with two events in between: small enough to damage every byte.
///
/// - Returns: the bytes and the name of the file.
func smallSegment(_ compression: Compression, closed: Bool) throws -> (bytes: [UInt8], name: String) {
    let directory = try TemporaryDirectory()
    var writer = makeWriter(directory.path, compression: compression)
    var now = Moment.start
    for chunk in 0..<3 as Range<UInt64> {
        let first = chunk * 12 + 1
        writer.append(.gap(channel: "chat", from: first, to: first + 1, cause: .foreignPublish), at: now)
        now = try writer.record(first + 2...first + 11, from: now)
    }
    if closed { try writer.close(now) }
    return (try bytes(ofFile: directory.files[0]), directory.names[0])
}
