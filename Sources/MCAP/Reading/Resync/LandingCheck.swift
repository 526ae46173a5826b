/// A place where reading can continue after damage.
enum Landing {
    /// A marker of a known file, or of a new one that apparently begins with it.
    case marker(Marker, at: UInt64)
    /// The magic of a file.
    case file(at: UInt64)
    /// An intact chunk without a marker.
    ///
    /// - Parameter nextOrdinal: of the following marker; nil if unknown.
    case chunk(at: UInt64, nextOrdinal: UInt64?)
    /// An intact chunk that describes channels differently than the current file.
    ///
    /// - Parameter file: the number of its file, which may be new.
    case stranger(file: Int, at: UInt64)

    var offset: UInt64 {
        switch self {
        case .marker(_, let offset), .file(let offset), .chunk(let offset, _), .stranger(_, let offset): offset
        }
    }
}

/// Decides which apparent chunks, markers and files are real, and not the payload of a message, which anyone can send.
///
/// What is there is compared with what was read: `known` is always the next marker of a known file.
final class LandingCheck {
    /// Markers of other files that are passed in search of one, to keep the work linear.
    private static let markersAhead = 8

    private let window: SourceWindow
    private let progress: ReadProgress
    private let files: FileParts
    private let markers: MarkerSearch
    private let loader: ChunkLoader
    /// Of the chunks that were read, up to a limit.
    private var fingerprints: Set<ChunkFingerprint> = []

    init(_ progress: ReadProgress, _ files: FileParts, _ markers: MarkerSearch, _ loader: ChunkLoader) {
        window = progress.window
        self.progress = progress
        self.files = files
        self.markers = markers
        self.loader = loader
    }

    private var file: FilePart { files.current }

    /// Where reading can continue at `landmark`; nil if it may be payload.
    func landing(at landmark: Landmark, before known: KnownMarker?) throws -> Landing? {
        let place = landmark.offset
        if let message = progress.looseMessage, message.contains(place) {
            // A chunk that ends behind the message is not its payload.
            guard try window.claimOfChunk(at: place).map({ $0.end > message.upperBound }) ?? false else { return nil }
        }
        switch landmark.kind {
        case .magic:
            guard files.mayBegin(at: place), try window.isFileStart(at: place) else { return nil }
            // Exactly as many bytes as were written between two markers of one file contain nothing else.
            if !progress.phase.isBehindData, let excess = file.excess(before: known), excess <= 0 { return nil }
            return .file(at: place)
        case .marker:
            guard let marker = try window.marker(at: place), try isBelievable(marker, at: place, before: known) else {
                return nil
            }
            return .marker(marker, at: place)
        case .chunk: return try chunk(at: place, before: known)
        }
    }

    // MARK: - Chunks that were read

    /// Remembers a chunk that was read.
    func remember(_ chunk: DecodedChunk) {
        if fingerprints.count < ChunkFingerprint.limit { fingerprints.insert(ChunkFingerprint(chunk)) }
    }

    /// Whether a chunk of ours was already read at another position.
    func isCopy(_ chunk: DecodedChunk) -> Bool {
        guard file.isMarked else { return false }
        // Markers may be those of others: an ordinal alone is believed only where fingerprints are not kept any more.
        if fingerprints.count < ChunkFingerprint.limit || chunk.messageCount == 0 {
            return chunk.messageCount > 0 && fingerprints.contains(ChunkFingerprint(chunk))
        }
        let isRead = file.isNextChunkRead
        guard !progress.damages.isEmpty || isRead ?? false else { return false }
        return isRead ?? fingerprints.contains(ChunkFingerprint(chunk))
    }

    // MARK: - Markers

    /// Whether a marker of an unknown file is real.
    func isBelievable(_ marker: Marker, at place: UInt64, before known: KnownMarker?) throws -> Bool {
        guard files.hasRoom, !isShadowed(place, before: known) else { return false }
        let behind = place + UInt64(Marker.recordSize)
        if let excess = file.excess(before: known) {
            // Bytes of another file were inserted. If the start of that file is missing, an unmoved chunk must follow.
            guard excess > 0 else { return false }
            return try startsFile(marker, at: place) || isOrderlyChunk(at: behind)
        }
        // A single one among those of another file, or after the last of this one, may be a payload.
        var next: (marker: Marker, place: UInt64)?
        try markers.forEach(from: place + 1) {
            // A repetition of the same marker proves nothing.
            if $0.sync == marker.sync, $0.ordinal == marker.ordinal { return true }
            next = ($0, $1)
            return false
        }
        guard let next else {
            // It is the only marker: the records that a writer puts after it must follow.
            if file.sync != nil { return false }
            guard try window.claimOfChunk(at: behind) != nil else { return try window.isOrderlyRecord(at: behind) }
            return try chunk(at: behind, before: nil) != nil
        }
        if next.marker.sync == marker.sync { return true }
        // The next marker is inside the chunk of this one.
        if let claim = try window.claimOfChunk(at: behind), claim.end > next.place { return true }
        let start = next.place &- next.marker.offset
        if start > place, start < next.place, try window.isFileStart(at: start) { return true }
        return try isContinued(marker, behind: next.place) && isIntactChunk(at: behind)
    }

    /// Whether more of an unknown marker's file stands behind a marker of another file. Nothing was read yet that the
    /// marker could be a payload of.
    private func isContinued(_ marker: Marker, behind place: UInt64) throws -> Bool {
        guard files.numbers.isEmpty, file.isUntouched else { return false }
        var (isContinued, passed) = (false, 0)
        try markers.forEach(from: place + 1) { other, _ in
            isContinued = other.sync == marker.sync && other.ordinal != marker.ordinal
            passed += 1
            return !isContinued && passed < Self.markersAhead
        }
        return isContinued
    }

    private func isIntactChunk(at place: UInt64) throws -> Bool {
        guard let claim = try window.claimOfChunk(at: place), let frame = try window.frame(at: place) else {
            return false
        }
        try progress.spend(frame.size)
        return try claim.crc != 0 && window.mayBeWhole(claim) && (try? loader.decodeAlone(frame)) != nil
    }

    /// Whether the marker's file begins before it and is undamaged up to the marker.
    private func startsFile(_ marker: Marker, at place: UInt64) throws -> Bool {
        let start = place &- marker.offset
        return try start < place && window.isFileStart(at: start)
    }

    private func isOrderlyChunk(at place: UInt64) throws -> Bool {
        guard try window.claimOfChunk(at: place) != nil, let frame = try window.frame(at: place) else { return false }
        try progress.spend(frame.size)
        guard let chunk = try? loader.decodeAlone(frame) else { return false }
        return try window.endOfMessageIndexes(of: chunk, from: frame.end) != nil
    }

    /// True inside a damaged chunk: what is there may be payload.
    private func isShadowed(_ place: UInt64, before known: KnownMarker?, until end: UInt64? = nil) -> Bool {
        if let lost = progress.lostChunk, place > lost.lowerBound, place < lost.upperBound {
            // If bytes were removed, the chunk is shorter than its length says.
            let removed = min(file.excess(before: known) ?? 0, 0).magnitude
            if end ?? place <= max(lost.upperBound - min(removed, lost.upperBound), lost.lowerBound) { return true }
        }
        return file.isOnlyChunkDue(before: known)
    }

    // MARK: - Chunks

    /// Whether the chunk may belong to the current file although its marker is gone.
    func mayFollow(_ chunk: DecodedChunk, _ frame: RecordFrame) throws -> Bool {
        try landing(on: chunk, frame, before: try markers.next(from: frame.start)) != nil
    }

    /// The chunk at `place`, if it is intact and cannot be the payload of a message.
    private func chunk(at place: UInt64, before known: KnownMarker?) throws -> Landing? {
        guard let claim = try window.claimOfChunk(at: place) else { return nil }
        if !window.isStream || window.isEndKnown { guard claim.end <= window.end else { return nil } }
        if let known, known.file == file.number, claim.end > known.place { return nil }
        guard let frame = try window.frame(at: place) else { return nil }
        try progress.spend(frame.size)
        guard try window.mayBeWhole(claim) else { return nil }
        let spent = frame.size &+ claim.size
        try progress.spend(spent)
        var stranger: Int?
        var channels = file.log.channels
        let chunk: DecodedChunk
        do {
            chunk = try loader.decodeWithSummary(frame, channels: &channels).chunk
        } catch let fault as RecordFault {
            guard case .channelConflict = fault.reason, let number = try loader.fileOfStranger(frame) else {
                return nil
            }
            chunk = try loader.decode(frame, ofFile: number)
            stranger = number
        }
        guard !fingerprints.contains(ChunkFingerprint(chunk)) else { return nil }
        guard let landing = try landing(on: chunk, frame, before: known) else { return nil }
        progress.refund(spent)
        return stranger.map { .stranger(file: $0, at: place) } ?? landing
    }

    private func landing(
        on chunk: DecodedChunk, _ frame: RecordFrame, before known: KnownMarker?
    ) throws -> Landing? {
        let place = frame.start
        // Markers of a file after its end show a repeated part of the file, which may be cut off.
        let isAmongOurs = known.map { $0.file == file.number } ?? false
        guard file.isMarked, !progress.phase.isBehindData || isAmongOurs else {
            return try isFree(chunk, frame) ? .chunk(at: place, nextOrdinal: nil) : nil
        }
        // A payload is followed at least by the message indexes of its own chunk.
        let orderlyEnd = try window.endOfMessageIndexes(of: chunk, from: frame.end)
        if let orderlyEnd, let known, orderlyEnd == known.place {
            return .chunk(at: place, nextOrdinal: isAmongOurs ? known.marker.ordinal : nil)
        }
        if let orderlyEnd, known == nil, try isTail(at: orderlyEnd) { return .chunk(at: place, nextOrdinal: nil) }
        var nextOrdinal: UInt64?
        switch file.missing(before: known) {
        // Every chunk up to the marker was read: what is left are copies or payload.
        case .nothing: return nil
        case .one(let room):
            nextOrdinal = known?.marker.ordinal
            if room == frame.size &+ chunk.messageIndexes.encodedSize {
                return .chunk(at: place, nextOrdinal: nextOrdinal)
            }
        case .several, .unknown: break
        }
        guard !isShadowed(place, before: known, until: frame.end) else { return nil }
        if try orderlyEnd != nil || window.isMessageIndex(of: chunk, at: frame.end) {
            return .chunk(at: place, nextOrdinal: nextOrdinal)
        }
        guard known.map({ $0.file != file.number || file.isMovedBack($0) }) ?? true,
            try window.isOrderlyRecord(at: frame.end, allowingMessages: false)
        else { return nil }
        return .chunk(at: place, nextOrdinal: nil)
    }

    /// Whether `chunk` cannot be a payload, in a file without markers.
    private func isFree(_ chunk: DecodedChunk, _ frame: RecordFrame) throws -> Bool {
        let isFollowed =
            try window.isOrderlyRecord(at: frame.end, allowingMessages: false)
            || window.isMessageIndex(of: chunk, at: frame.end)
        if let lost = progress.lostChunk, frame.start > lost.lowerBound, frame.end <= lost.upperBound {
            // Nothing follows a chunk that is cut off. The length of a chunk that lost bytes includes what follows it.
            guard lost.upperBound > window.end, isFollowed else { return false }
        }
        if isFollowed { return true }
        // Nothing of the file was seen yet, or nothing proves the chunk.
        guard !file.isUntouched, chunk.uncompressedCRC != 0 else {
            return try window.endOfMessageIndexes(of: chunk, from: frame.end) != nil
                || window.isOrderlyRecord(at: frame.end)
        }
        // Chunks of our files are followed by message indexes. A chunk without them is the payload of a message in a
        // chunk that is cut off.
        return !file.isMarked
    }

    /// Whether an unclosed file ends at `place`.
    private func isTail(at place: UInt64) throws -> Bool {
        if try window.isEnd(place) { return true }
        guard let frame = try window.frame(at: place) else { return false }
        return frame.opcode == Opcode.dataEnd.rawValue && frame.length == UInt64(Layout.dataEndContent)
    }
}

/// Recognizes a chunk, found while searching after damage, that was already read.
private struct ChunkFingerprint: Hashable {
    static let limit = 65_536

    private let crc: UInt32
    private let size: UInt64
    private let start: UInt64
    private let end: UInt64

    init(_ chunk: DecodedChunk) {
        // Without a checksum only its bytes identify it.
        crc = chunk.uncompressedCRC != 0 ? chunk.uncompressedCRC : CRC32.of(chunk.records)
        size = chunk.uncompressedSize
        start = chunk.startTime
        end = chunk.endTime
    }
}
