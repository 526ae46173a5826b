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

/// The next marker of a known file.
struct KnownMarker {
    let marker: Marker
    let place: UInt64
    /// Of ``FilePart``.
    let file: Int
}

extension MCAPStreamReader {
    /// How far a search for a known marker reads ahead in a stream; the bytes are kept meanwhile.
    static let streamLookAhead: UInt64 = 1 << 26

    /// The first trustworthy place at or after `offset`; nil if there is none.
    ///
    /// A marker of a known file is trusted, because its sync marker is secret. Anything else that looks like a chunk, a
    /// marker or a file may be the payload of a recorded message, which anyone can send: it is trusted only where none
    /// of our chunks can have been.
    ///
    /// - Parameter limit: end of this search.
    func resynchronize(from offset: UInt64, until limit: UInt64 = .max) throws -> Landing? {
        let known = isMarked || files.count > 1 ? try nextKnownMarker(from: offset) : nil
        let end = [known?.place, limit == .max ? nil : limit].compactMap { $0 }.min()
        var position = offset
        while end.map({ position < $0 }) ?? true {
            if hasNoLandmarksBehind.map({ position >= $0 }) ?? false { break }
            let wanted = limit == .max ? Landmark.pieceSize : Int(min(limit - position, 1 << 16)) + Landmark.size
            guard let piece = try window.piece(at: position, atLeast: 64, limit: wanted) else { break }
            let count = piece.count
            let landmarks = Landmark.find(Landmark.Kind.allCases, in: piece, at: position)
            try spend(UInt64(count))
            for landmark in landmarks {
                if let end, landmark.offset >= end { break }
                if let landing = try landing(at: landmark, before: known) { return landing }
            }
            if count < 64, count < wanted, try window.isEnd(position + UInt64(count)) { break }
            // A landmark may begin in the last bytes of this piece.
            position += UInt64(max(count - Landmark.size + 1, 1))
            if end == nil { window.discard(before: position) }
        }
        if let known, known.place < limit { return .marker(known.marker, at: known.place) }
        guard limit == .max else { return nil }
        hasNoLandmarksBehind = min(hasNoLandmarksBehind ?? .max, offset)
        return nil
    }

    /// Counts the work caused by damage, to keep it linear in the size of the file.
    ///
    /// - Throws: ``RecordFault``
    func spend(_ bytes: UInt64) throws(RecordFault) {
        work &+= bytes
        let size = window.isEndKnown ? window.end : position
        guard work <= 32 * min(size, 1 << 56) + (1 << 26) else { throw RecordFault(reason: .tooManyDamages) }
    }

    // MARK: - Markers

    /// The first marker of a known file at or after `offset`.
    func nextKnownMarker(from offset: UInt64) throws -> KnownMarker? {
        if let ahead = knownMarkerAhead, ahead.from <= offset {
            guard let found = ahead.found else { return nil }
            if found.place >= offset { return found }
        }
        var syncs: [SyncMarker: Int] = [:]
        for other in files where other.number != file.number {
            if let sync = other.sync { syncs[sync] = other.number }
        }
        if let sync = file.sync { syncs[sync] = file.number }
        guard !syncs.isEmpty else { return nil }
        let limit = window.isStream ? offset &+ Self.streamLookAhead : UInt64.max
        var found: KnownMarker?
        try forEachMarker(from: offset, until: limit) { marker, place in
            guard let file = syncs[marker.sync] else { return true }
            found = KnownMarker(marker: marker, place: place, file: file)
            return false
        }
        // A stream may bring more.
        knownMarkerAhead = found == nil && window.isStream && !window.isEndKnown ? nil : (offset, found)
        return found
    }

    /// - Parameter body: returns false to stop.
    func forEachMarker(
        from offset: UInt64, until limit: UInt64, _ body: (Marker, _ place: UInt64) throws -> Bool
    ) throws {
        var position = offset
        while position < limit, let piece = try window.piece(at: position, atLeast: 64, limit: Landmark.pieceSize) {
            let count = piece.count
            let landmarks = Landmark.find(CollectionOfOne(.marker), in: piece, at: position)
            try spend(UInt64(count))
            for landmark in landmarks {
                guard let marker = try window.marker(at: landmark.offset) else { continue }
                guard try body(marker, landmark.offset) else { return }
            }
            if count < 64, try window.isEnd(position + UInt64(count)) { return }
            position += UInt64(max(count - Landmark.size + 1, 1))
        }
    }
}

/// Recognizes a chunk, found while searching after damage, that was already read.
struct ChunkFingerprint: Hashable {
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
