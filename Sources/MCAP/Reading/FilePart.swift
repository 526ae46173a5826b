/// What a reader knows of one file. Usually it is the only one in the source; several may be concatenated or nested.
struct FilePart {
    /// Limit of files distinguished in one source; markers of further files are skipped.
    static let limit = 64

    /// From 0, in order of appearance.
    let number: Int
    var log = DataLog()
    /// Of the next marker; nil if not known after damage.
    var expectedOrdinal: UInt64? = 0
    /// Of the marker before the next chunk; nil if not known, or if that chunk was read.
    var chunkOrdinal: UInt64?
    /// Difference between a position in the source and the original position in the file, modulo 2^64.
    var shift: UInt64
    /// Ordinals of the markers whose chunks were read.
    var read = OrdinalSet()
    /// A position known to be right, and its original offset: the end of the last marker, or of what belongs to the
    /// last chunk.
    var anchor: (place: UInt64, recorded: UInt64)?
    /// The ordinal of a marker at the anchor.
    var anchorOrdinal: UInt64 = 0
    /// Whether something stood there that was a marker before it was damaged.
    var hadMarker = false
    /// True if the anchor follows a marker whose chunk was not read yet.
    var isChunkDue = false

    init(number: Int, start: UInt64) {
        self.number = number
        shift = start
    }

    /// Of the file's markers; nil if none was seen.
    var sync: SyncMarker? { log.lastMarker?.sync }

    /// True if nothing of it was read.
    var isUntouched: Bool { log.lastMarker == nil && log.statistics.messageCount == 0 && log.chunks.isEmpty }
}

/// A set of mostly consecutive ordinals.
struct OrdinalSet {
    /// Ascending, not adjacent.
    private var ranges: [ClosedRange<UInt64>] = []

    func contains(_ ordinal: UInt64) -> Bool {
        let index = position(of: ordinal)
        return index < ranges.count && ranges[index].contains(ordinal)
    }

    mutating func insert(_ ordinal: UInt64) {
        guard !contains(ordinal) else { return }
        let index = position(of: ordinal)
        let joinsBefore = index > 0 && ranges[index - 1].upperBound &+ 1 == ordinal
        let joinsBehind = index < ranges.count && ordinal &+ 1 == ranges[index].lowerBound
        switch (joinsBefore, joinsBehind) {
        case (true, true):
            ranges[index - 1] = ranges[index - 1].lowerBound...ranges[index].upperBound
            ranges.remove(at: index)
        case (true, false): ranges[index - 1] = ranges[index - 1].lowerBound...ordinal
        case (false, true): ranges[index] = ordinal...ranges[index].upperBound
        case (false, false): ranges.insert(ordinal...ordinal, at: index)
        }
    }

    /// The first range that ends at or after `ordinal`.
    private func position(of ordinal: UInt64) -> Int {
        var (low, high) = (0, ranges.count)
        while low < high {
            let middle = (low + high) / 2
            if ranges[middle].upperBound < ordinal { low = middle + 1 } else { high = middle }
        }
        return low
    }
}

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
