/// Decodes a chunk with the channels that are known where it is, and tells to which file it belongs.
final class ChunkLoader {
    private let window: SourceWindow
    private let progress: ReadProgress
    private let files: FileParts
    private let decoder: ChunkDecoder
    /// Read when a chunk needs them.
    private var summaryChannels: [Channel]?

    init(_ progress: ReadProgress, _ files: FileParts, _ decoder: ChunkDecoder) {
        window = progress.window
        self.progress = progress
        self.files = files
        self.decoder = decoder
    }

    /// Decodes a chunk of the current file; only files of other programs have fields of a later format.
    func decode(
        _ frame: RecordFrame, channels: inout ChannelTable
    ) throws -> (chunk: DecodedChunk, timesDiffer: Bool) {
        try decoder.decode(
            frame, from: window, channels: &channels, allowingExtension: !files.current.isMarked)
    }

    /// The same, with channels from the summary if needed.
    func decodeWithSummary(
        _ frame: RecordFrame, channels: inout ChannelTable
    ) throws -> (chunk: DecodedChunk, timesDiffer: Bool) {
        do {
            return try decode(frame, channels: &channels)
        } catch let fault as RecordFault {
            guard case .unknownChannel = fault.reason, try learnFromSummary(&channels) else { throw fault }
            return try decode(frame, channels: &channels)
        }
    }

    /// Decodes a chunk of a file of ours, whose channels are described in it.
    func decodeAlone(_ frame: RecordFrame) throws -> DecodedChunk {
        var channels = ChannelTable()
        return try decoder.decode(frame, from: window, channels: &channels, allowingExtension: false).chunk
    }

    /// Decodes a chunk of any file.
    ///
    /// - Parameter number: of a known file, or of a new one.
    func decode(_ frame: RecordFrame, ofFile number: Int) throws -> DecodedChunk {
        var channels = files.channels(ofFile: number)
        return try decoder.decode(frame, from: window, channels: &channels, allowingExtension: true).chunk
    }

    /// - Returns: whether anything new was found.
    private func learnFromSummary(_ channels: inout ChannelTable) throws -> Bool {
        guard !files.current.isMarked, !window.isStream, files.count == 1 else { return false }
        if summaryChannels == nil { summaryChannels = try SummaryChannels.find(in: window) }
        var isNew = false
        for channel in summaryChannels ?? [] where channels.byID[channel.id] == nil {
            try channels.add(channel)
            isNew = true
        }
        return isNew
    }

    // MARK: - Chunks of other files

    /// The number of the file of a chunk that is intact but describes channels differently than the current file: a
    /// known file that matches, or a new one.
    func fileOfStranger(_ frame: RecordFrame) throws -> Int? {
        for other in files.others {
            if try isIntact(frame, ofFile: other.number) { return other.number }
            try progress.spend(frame.size)
        }
        return try files.hasRoom && isIntact(frame, ofFile: files.count) ? files.count : nil
    }

    private func isIntact(_ frame: RecordFrame, ofFile number: Int) throws -> Bool {
        do {
            _ = try decode(frame, ofFile: number)
            return true
        } catch is RecordFault {
            return false
        }
    }

    /// Whether a chunk at `place` describes channels differently than the file that was read so far.
    func isStranger(chunkAt place: UInt64) throws -> Bool {
        guard !files.current.isUntouched, let frame = try window.frame(at: place),
            try window.claimOfChunk(at: frame.start) != nil
        else { return false }
        do {
            _ = try decode(frame, ofFile: files.current.number)
        } catch let fault as RecordFault {
            if case .channelConflict = fault.reason { return true }
        }
        return false
    }
}
