/// What a stream reader has seen of the data section: to be compared with the summary, or to be continued.
struct DataLog {
    var statistics = Statistics()
    var channels = ChannelTable()
    /// Those described up to the end of the last chunk, or up to the first marker.
    var channelsWithChunks = ChannelTable()
    var chunks: [ScannedChunk] = []
    var metadataIndexes: [MetadataIndex] = []
    /// Of the last marker seen.
    var lastMarker: Marker?
    /// Of the first marker, if it is the first of the file.
    var firstMarker: Marker?
    /// Of the marker before the last chunk.
    var ordinalBeforeLastChunk: UInt64?

    mutating func add(_ chunk: DecodedChunk) {
        let counts = chunk.messageCounts
        chunks.append(ScannedChunk(index: chunk.index, messageCounts: counts))
        statistics.add(chunkFrom: chunk.startTime, until: chunk.endTime, counts: counts)
        ordinalBeforeLastChunk = lastMarker?.ordinal
        channelsWithChunks = channels
    }

    /// A message index of the last chunk that fits it.
    mutating func addMessageIndex(of channelID: UInt16, at frame: RecordFrame) {
        guard let last = chunks.indices.last else { return }
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
