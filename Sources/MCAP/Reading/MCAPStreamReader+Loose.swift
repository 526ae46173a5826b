/// Messages outside of chunks. Only other programs write them.
extension MCAPStreamReader {
    /// Messages outside chunks, and their descriptions: as many as are available, returned as a chunk.
    func readMessages(from first: RecordFrame) throws -> Item? {
        let chunk = decoder.reusableChunk()
        chunk.record.truncate(to: 0)
        var end = first.start
        var next: RecordFrame? = first
        while let frame = next, Self.belongsToMessages(frame) {
            guard frame.length <= limits.maximumRecordSize else {
                guard end == first.start else { break }
                throw RecordFault(
                    reason: .tooLarge(opcode: frame.opcode, size: frame.length, limit: limits.maximumRecordSize))
            }
            guard try window.append(at: frame.start, count: Int(frame.size), to: &chunk.record) else {
                throw RecordFault(reason: .truncated)
            }
            end = frame.end
            if end <= singlesUntil || chunk.record.count >= 1 << 18 { break }
            // The rest has not arrived yet and comes with the next call.
            guard window.isAtHand(end, count: Layout.recordHeader), let frame = try window.frame(at: end),
                window.isAtHand(end, count: Int(min(frame.size, 1 << 20)))
            else { break }
            next = frame
        }
        chunk.records = chunk.record.bytes
        chunk.isLoose = true
        chunk.index = ChunkIndex(
            startTime: 0, endTime: 0, offset: first.start, length: end - first.start, messageIndexOffsets: [:],
            messageIndexLength: 0, compression: "", compressedSize: UInt64(chunk.record.count),
            uncompressedSize: UInt64(chunk.record.count))
        var learned = log.channels
        do {
            try chunk.walk(channels: &learned, keepsSchemas: false)
        } catch {
            guard first.end == end else {
                singlesUntil = end
                return nil
            }
            report(at: first.start, length: first.size, error.reason, lost: 1)
            try pass(first)
            return nil
        }
        log.channels = learned
        log.addLoose(chunk)
        chunk.fileNumber = file.number
        try pass(RecordFrame(opcode: first.opcode, start: first.start, length: end - first.contentStart))
        verified = position
        foundAnything = true
        return .chunk(chunk)
    }

    private static func belongsToMessages(_ frame: RecordFrame) -> Bool {
        frame.opcode == Opcode.message.rawValue || frame.opcode == Opcode.channel.rawValue
            || frame.opcode == Opcode.schema.rawValue
    }
}
