/// What a stream reader has seen of the data section, for comparison with the summary or for resuming.
struct DataLog {
    /// Limit of chunks, and of their channels, kept for a stream, which may be endless.
    static let streamLimit = 65_536

    private(set) var statistics = Statistics()
    /// True if `chunks` is incomplete.
    private(set) var isAbridged = false
    private(set) var channels = ChannelTable()
    /// Channels described up to the end of the last chunk, or up to the first marker.
    private(set) var channelsWithChunks = ChannelTable()
    private(set) var chunks: [ScannedChunk] = []
    /// Chunks in `chunks`, and the channels of each.
    private var remembered = 0
    private(set) var metadataIndexes: [MetadataIndex] = []
    /// Of the last marker seen.
    private(set) var lastMarker: Marker?
    /// Of the first marker, if it is the first of the file.
    private(set) var firstMarker: Marker?
    /// Of the marker before the last chunk.
    private(set) var ordinalBeforeLastChunk: UInt64?

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

    /// - Parameter limit: of indexes to keep.
    mutating func add(_ index: MetadataIndex, limit: Int) {
        if metadataIndexes.count < limit { metadataIndexes.append(index) } else { isAbridged = true }
    }

    mutating func addAttachment() { statistics.attachmentCount += 1 }

    mutating func add(_ channel: Channel) throws(RecordFault) { try channels.add(channel) }

    /// - Parameter channels: those known before, and those that a chunk describes.
    mutating func learn(_ channels: ChannelTable) { self.channels = channels }

    /// The markers seen belong to another file.
    mutating func forgetMarkers() { (firstMarker, lastMarker) = (nil, nil) }

    mutating func add(_ marker: Marker) {
        if marker.ordinal == 0 {
            firstMarker = marker
            if chunks.isEmpty { channelsWithChunks = channels }
        }
        lastMarker = marker
    }
}

/// An intact chunk found by a scan.
package struct ScannedChunk: Equatable, Sendable {
    /// As in the file's summary, or as it will be: at the end of a cut file with message indexes still to be written.
    package var index: ChunkIndex
    /// Number of messages by channel.
    package var messageCounts: [UInt16: UInt64]
}

/// The channels described so far, with their schemas.
struct ChannelTable {
    private(set) var byID: [UInt16: Channel] = [:]
    /// In order of first appearance.
    private(set) var ids: [UInt16] = []

    /// Used only when they are written again: a broken schema does not affect messages.
    private(set) var schemas: [UInt16: Schema] = [:]

    var inOrder: [Channel] { ids.compactMap { byID[$0] } }

    mutating func add(_ schema: Schema) { schemas[schema.id] = schema }

    mutating func add(_ channel: Channel) throws(RecordFault) {
        if let known = byID[channel.id] {
            guard known == channel else { throw RecordFault(reason: .channelConflict(channel.id), framingHolds: true) }
        } else {
            byID[channel.id] = channel
            ids.append(channel.id)
        }
    }
}
