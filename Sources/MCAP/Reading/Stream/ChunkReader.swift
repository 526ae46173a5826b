/// Reads the chunks of the data section.
struct ChunkReader {
    private let window: SourceWindow
    private let progress: ReadProgress
    private let files: FileParts
    private let markers: MarkerSearch
    private let check: LandingCheck
    private let loader: ChunkLoader
    private let messageIndexes: MessageIndexReader

    init(_ parts: ReaderParts) {
        window = parts.window
        progress = parts.progress
        files = parts.files
        markers = parts.markers
        check = parts.check
        loader = parts.loader
        messageIndexes = parts.messageIndexes
    }

    private var file: FilePart { files.current }

    /// - Returns: nil if the chunk is lost, a copy, or the first of another file, which is then the current one.
    func read(_ frame: RecordFrame) throws -> DecodedChunk? {
        if window.isStream, frame.length > 1 << 22,
            try window.claimOfChunk(at: frame.start, allowingOddTimes: true) == nil
        {
            // The reader would wait for its length, which may never arrive.
            throw RecordFault(reason: .malformed(opcode: frame.opcode, field: "length"))
        }
        do {
            let (chunk, timesDiffer) = try decode(frame)
            if check.isCopy(chunk) {
                passCopy(frame)
                return nil
            }
            if timesDiffer { progress.report(at: frame.start, length: 0, .chunkTimes, lost: 0) }
            chunk.put(inFile: file.number)
            file.log.add(chunk, limit: window.isStream ? DataLog.streamLimit : .max)
            check.remember(chunk)
            messageIndexes.begin(of: chunk)
            try pass(chunk, frame)
            return chunk
        } catch let fault as RecordFault where fault.framingHolds {
            if case .channelConflict = fault.reason, try enterFile(ofChunk: frame) { return nil }
            try passLost(frame, fault.reason)
            return nil
        }
    }

    private func decode(_ frame: RecordFrame) throws -> (chunk: DecodedChunk, timesDiffer: Bool) {
        var channels = file.log.channels
        let result: (chunk: DecodedChunk, timesDiffer: Bool)
        if progress.damages.isEmpty, isDue(frame) {
            result = try loader.decode(frame, channels: &channels)
        } else {
            result = try loader.decodeWithSummary(frame, channels: &channels)
            if !isDue(frame) {
                guard try !markers.isMarkerPassed(before: frame.start),
                    try check.isCopy(result.chunk) || check.mayFollow(result.chunk, frame)
                else { throw RecordFault(reason: .unexpectedRecord(opcode: frame.opcode)) }
                if progress.damages.isEmpty { progress.report(at: frame.start, length: 0, .marker, lost: 0) }
            }
        }
        file.log.learn(channels)
        return result
    }

    /// Whether a chunk is expected here: after a marker of its file, or where damage was found to end. In a file
    /// without markers it is expected anywhere.
    private func isDue(_ frame: RecordFrame) -> Bool {
        !file.isMarked || progress.lastLanding == frame.start || file.isChunkExpected(at: frame.start)
    }

    /// A later format may add fields after a chunk's data; or its length was overwritten.
    private func pass(_ chunk: DecodedChunk, _ frame: RecordFrame) throws {
        let end = frame.contentStart + UInt64(chunk.recordContent.count)
        if try end < frame.end && !window.isOrderlyRecord(at: frame.end, allowingMessages: false) {
            progress.report(at: frame.start, length: 0, .malformed(opcode: frame.opcode, field: "length"), lost: 0)
            progress.passChunk(until: end)
        } else {
            progress.passChunk(until: frame.end)
        }
        progress.verify(until: end)
        progress.noteLostChunk(nil)
        file.noteRead(chunk, endingAt: progress.position)
    }

    private func passCopy(_ frame: RecordFrame) {
        progress.report(at: frame.start, length: frame.size, .duplicate, lost: 0)
        messageIndexes.begin(ofLostChunk: nil)
        progress.passChunk(until: frame.end)
        progress.verify(until: frame.end)
        progress.noteLostChunk(nil)
        file.passCopy()
    }

    private func passLost(_ frame: RecordFrame, _ reason: Damage.Reason) throws {
        try progress.spend(frame.size)
        let isFramed = try window.isOrderlyRecord(at: frame.end, allowingMessages: false)
        // Its length may be wrong or some of its bytes missing, so that it includes bytes of other records.
        guard isFramed || file.isMarked else { throw RecordFault(reason: reason) }
        let damage = progress.report(at: frame.start, length: frame.size, reason, lost: nil)
        messageIndexes.begin(ofLostChunk: damage)
        progress.noteLostChunk(frame.start..<frame.end)
        progress.passChunk(until: frame.end)
    }

    /// An intact chunk that describes a channel differently belongs to another file.
    ///
    /// - Returns: whether there is a file that it matches, which becomes the current one.
    private func enterFile(ofChunk frame: RecordFrame) throws -> Bool {
        guard let number = try loader.fileOfStranger(frame) else { return false }
        messageIndexes.end()
        progress.report(at: frame.start, length: 0, .anotherFile, lost: 0)
        files.enter(number, ofChunkAt: frame.start)
        progress.forgetCovered()
        return true
    }
}
