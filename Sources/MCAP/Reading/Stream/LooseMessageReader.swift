/// Reads messages outside of chunks. Only other programs write them.
final class LooseMessageReader {
    private static let mostBytes = 1 << 18

    private let window: SourceWindow
    private let progress: ReadProgress
    private let files: FileParts
    private let decoder: ChunkDecoder
    /// Messages are read singly up to here, because reading them together failed.
    private var singlesUntil: UInt64 = 0

    init(_ parts: ReaderParts) {
        window = parts.window
        progress = parts.progress
        files = parts.files
        decoder = parts.decoder
    }

    /// Messages outside chunks, and their descriptions: as many as are available, returned as a chunk.
    ///
    /// - Returns: nil if nothing was read: then some are read singly, or the first is reported and passed.
    func read(from first: RecordFrame) throws -> DecodedChunk? {
        let chunk = decoder.reusableChunk()
        let (last, end) = try collect(from: first, into: chunk)
        var channels = files.current.log.channels
        do {
            try chunk.walkLoose(at: first.start..<end, channels: &channels)
        } catch {
            guard first.end == end else {
                singlesUntil = end
                return nil
            }
            progress.report(at: first.start, length: first.size, error.reason, lost: 1)
            try progress.pass(until: end)
            return nil
        }
        files.current.log.learn(channels)
        files.current.log.addLoose(chunk)
        chunk.put(inFile: files.current.number)
        try progress.pass(until: end)
        // Nothing proves the last record: it may be damaged, so that it includes the start of a chunk.
        progress.verify(until: last)
        progress.noteLooseMessage(last..<end)
        return chunk
    }

    /// - Returns: the start of the last record, and its end.
    private func collect(from first: RecordFrame, into chunk: DecodedChunk) throws -> (last: UInt64, end: UInt64) {
        var (last, end) = (first.start, first.start)
        var next: RecordFrame? = first
        while let frame = next, Self.belongsToMessages(frame) {
            guard frame.length <= window.limits.maximumRecordSize else {
                guard end == first.start else { break }
                throw RecordFault(
                    reason: .tooLarge(
                        opcode: frame.opcode, size: frame.length, limit: window.limits.maximumRecordSize))
            }
            guard try chunk.append(from: window, at: frame.start, count: Int(frame.size)) else {
                throw RecordFault(reason: .truncated)
            }
            (last, end) = (frame.start, frame.end)
            if end <= singlesUntil || chunk.recordContent.count >= Self.mostBytes { break }
            // The rest has not arrived yet and comes with the next call.
            guard window.isAtHand(end, count: Layout.recordHeader), let frame = try window.frame(at: end),
                window.isAtHand(end, count: Int(min(frame.size, 1 << 20)))
            else { break }
            next = frame
        }
        return (last, end)
    }

    private static func belongsToMessages(_ frame: RecordFrame) -> Bool {
        frame.opcode == Opcode.message.rawValue || frame.opcode == Opcode.channel.rawValue
            || frame.opcode == Opcode.schema.rawValue
    }
}
