/// What a stream reader has seen of the data section, for comparison with the summary or for resuming.
struct DataLog {
    /// Limit of chunks, and of their channels, kept for a stream, which may be endless.
    static let streamLimit = 65_536

    var statistics = Statistics()
    /// True if `chunks` is incomplete.
    var isAbridged = false
    var channels = ChannelTable()
    /// Channels described up to the end of the last chunk, or up to the first marker.
    var channelsWithChunks = ChannelTable()
    var chunks: [ScannedChunk] = []
    /// Chunks in `chunks`, and the channels of each.
    private var remembered = 0
    var metadataIndexes: [MetadataIndex] = []
    /// Of the last marker seen.
    var lastMarker: Marker?
    /// Of the first marker, if it is the first of the file.
    var firstMarker: Marker?
    /// Of the marker before the last chunk.
    var ordinalBeforeLastChunk: UInt64?

    /// - Parameter limit: of chunks to keep, each with its channels.
    mutating func add(_ chunk: DecodedChunk, limit: Int) {
        let counts = chunk.messageCounts
        if remembered < limit, !isAbridged {
            remembered += 1 + counts.count
            chunks.append(ScannedChunk(index: chunk.index, messageCounts: counts))
        } else {
            isAbridged = true
        }
        statistics.add(chunkFrom: chunk.startTime, until: chunk.endTime, counts: counts)
        ordinalBeforeLastChunk = lastMarker?.ordinal
        channelsWithChunks = channels
    }

    /// Adds messages outside chunks.
    mutating func addLoose(_ chunk: DecodedChunk) {
        statistics.add(looseFrom: chunk.startTime, until: chunk.endTime, counts: chunk.messageCounts)
    }

    /// Adds a message index that matches the last chunk.
    mutating func addMessageIndex(of channelID: UInt16, at frame: RecordFrame) {
        guard !isAbridged, let last = chunks.indices.last else { return }
        chunks[last].index.messageIndexOffsets[channelID] = frame.start
        chunks[last].index.messageIndexLength += frame.size
    }

    mutating func add(_ marker: Marker) {
        if marker.ordinal == 0 {
            firstMarker = marker
            if chunks.isEmpty { channelsWithChunks = channels }
        }
        lastMarker = marker
    }
}
