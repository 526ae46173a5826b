/// What a reader knows of one file in the source.
final class FilePart {
    /// From 0, in order of appearance.
    let number: Int
    var log = DataLog()
    /// Of the next marker; nil if not known after damage.
    private(set) var expectedOrdinal: UInt64? = 0
    /// Of the marker before the next chunk; nil if not known, or if that chunk was read.
    private var chunkOrdinal: UInt64?
    /// Difference between a position in the source and the original position in the file, modulo 2^64.
    private(set) var shift: UInt64
    /// Ordinals of the markers whose chunks were read.
    private var read = OrdinalSet()
    /// A position known to be right, and its original offset: the end of the last marker, or of what belongs to the
    /// last chunk.
    private var anchor: (place: UInt64, recorded: UInt64)?
    /// The ordinal of a marker at the anchor.
    private var anchorOrdinal: UInt64 = 0
    /// Whether something stood there that was a marker before it was damaged.
    private var hadMarker = false
    /// True if the anchor follows a marker whose chunk was not read yet.
    private var isChunkDue = false

    init(number: Int, start: UInt64) {
        self.number = number
        shift = start
    }

    /// Of the file's markers; nil if none was seen.
    var sync: SyncMarker? { log.lastMarker?.sync }

    /// True once a marker was seen, even a damaged one: the file is ours and contains no unknown records.
    var isMarked: Bool { log.lastMarker != nil || hadMarker }

    /// True if nothing of it was read.
    var isUntouched: Bool { log.lastMarker == nil && log.statistics.messageCount == 0 && log.chunks.isEmpty }

    /// Whether its data was read and has ended. If it had no marker, one that follows belongs to another file, although
    /// no chunk behind that marker may show it.
    func isOver(in phase: ReadProgress.Phase) -> Bool { phase.isBehindData && !isUntouched }

    /// Whether the chunk after the marker was read.
    func isRead(_ ordinal: UInt64) -> Bool { read.contains(ordinal) }

    /// Whether the chunk that should come next was read before; nil if it is not known which one that is.
    var isNextChunkRead: Bool? { chunkOrdinal.map(read.contains) }

    /// Whether a marker precedes `place` directly, and its chunk was not read yet.
    func isChunkExpected(at place: UInt64) -> Bool { chunkOrdinal != nil && anchor?.place == place }

    // MARK: - Reading on

    /// The marker before `end` was read.
    func take(_ marker: Marker, endingAt end: UInt64) {
        log.add(marker)
        expectedOrdinal = marker.ordinal &+ 1
        chunkOrdinal = marker.ordinal
        anchor = (end, marker.offset &+ UInt64(Marker.recordSize))
        anchorOrdinal = marker.ordinal &+ 1
        isChunkDue = !read.contains(marker.ordinal)
    }

    /// A damaged marker stands where one is expected.
    func passUnreadableMarker() {
        chunkOrdinal = expectedOrdinal
        expectedOrdinal = expectedOrdinal.map { $0 &+ 1 }
    }

    /// A damaged record was a marker.
    func noteMarker() { hadMarker = true }

    /// A chunk was followed by another without message indexes between them, as ours never are: without an intact
    /// marker, a damaged one does not prove that the file is ours.
    func noteBareChunk() { hadMarker = false }

    /// The chunk before `end` was read.
    func noteRead(_ chunk: DecodedChunk, endingAt end: UInt64) {
        guard isMarked, let ordinal = chunkOrdinal else {
            anchor = nil
            return
        }
        read.insert(ordinal)
        chunkOrdinal = nil
        let end = end + chunk.messageIndexes.encodedSize
        anchor = (end, end &- shift)
        anchorOrdinal = ordinal &+ 1
        isChunkDue = false
    }

    /// The marker directly before `place`, if none of its file led to a chunk so far. Then it is not of this file.
    func giveUpMarker(before place: UInt64) -> Marker? {
        guard read.isEmpty, isChunkExpected(at: place), let marker = log.lastMarker else { return nil }
        log.forgetMarkers()
        losePlace()
        return marker
    }

    /// The next chunk was read already, elsewhere.
    func passCopy() { chunkOrdinal = nil }

    /// What follows is at another distance from its original position.
    func move(to shift: UInt64) { self.shift = shift }

    /// Continues after damage.
    ///
    /// - Parameter ordinal: of the next marker; nil if it is not known.
    func goOn(before ordinal: UInt64?) {
        expectedOrdinal = ordinal
        chunkOrdinal = ordinal.map { $0 &- 1 }
    }

    /// It is unknown how much of the file is gone.
    func losePlace() {
        goOn(before: nil)
        anchor = nil
    }

    // MARK: - What is missing

    /// What is unread of a file before its next marker.
    enum Missing: Equatable {
        case nothing
        /// - Parameter room: bytes in which the chunk, its message indexes and following metadata were written.
        case one(room: UInt64)
        case several, unknown
    }

    func missing(before known: KnownMarker?) -> Missing {
        guard let known, known.file == number, let anchor, !isMovedBack(known) else { return .unknown }
        let markers = known.marker.ordinal &- anchorOrdinal
        switch markers &+ (isChunkDue ? 1 : 0) {
        case 0: return .nothing
        case 1: return .one(room: known.marker.offset &- anchor.recorded &- markers &* UInt64(Marker.recordSize))
        default: return .several
        }
    }

    /// How many bytes farther the next marker is from the last one than it was written; nil if unknown.
    func excess(before known: KnownMarker?) -> Int64? {
        guard let known, known.file == number, let anchor, !isMovedBack(known) else { return nil }
        return Int64(bitPattern: (known.place &- anchor.place) &- (known.marker.offset &- anchor.recorded))
    }

    /// Whether everything before the next marker belongs to the one chunk that was not read.
    func isOnlyChunkDue(before known: KnownMarker?) -> Bool {
        guard let known, known.file == number else { return false }
        return isChunkDue && known.marker.ordinal == anchorOrdinal
    }

    /// Whether the next marker originally preceded what was read last: the bytes were reordered.
    func isMovedBack(_ known: KnownMarker) -> Bool {
        known.file == number && anchor != nil && known.marker.ordinal < anchorOrdinal
    }
}

/// A set of mostly consecutive ordinals.
struct OrdinalSet {
    /// Ascending, not adjacent.
    private var ranges: [ClosedRange<UInt64>] = []

    var isEmpty: Bool { ranges.isEmpty }

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
