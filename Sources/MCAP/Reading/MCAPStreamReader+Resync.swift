/// Where reading can go on after damage.
enum Landing {
    /// A marker of a known file, or of a new one that begins with it as far as anybody can tell.
    case marker(Marker, at: UInt64)
    /// The magic of a file.
    case file(at: UInt64)
    /// A whole chunk without a marker.
    ///
    /// - Parameter nextOrdinal: of the marker behind it; nil if not known.
    case chunk(at: UInt64, nextOrdinal: UInt64?)
    /// A whole chunk that describes channels otherwise than the file at hand.
    ///
    /// - Parameter file: the number of its file, which may be a new one.
    case stranger(file: Int, at: UInt64)

    var offset: UInt64 {
        switch self {
        case .marker(_, let offset), .file(let offset), .chunk(let offset, _), .stranger(_, let offset): offset
        }
    }
}

/// The next marker of a file that is known already.
struct KnownMarker {
    let marker: Marker
    let place: UInt64
    /// Of ``FilePart``.
    let file: Int
}

extension MCAPStreamReader {
    /// How far a search for a known marker looks ahead in a stream, which keeps the bytes meanwhile.
    static let streamLookAhead: UInt64 = 1 << 26

    /// The first place at or behind `offset` that is believed, nil if there is none.
    ///
    /// Believed is a marker of a known file: nobody else knows its sync marker. What else looks like a chunk, a marker or
    /// a file may be the payload of a recorded message, which anybody can send: it is believed only where no chunk of
    /// ours can have been.
    ///
    /// - Parameter limit: places behind it are for another search.
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
            // One may begin in the last bytes of this piece.
            position += UInt64(max(count - Landmark.size + 1, 1))
            if end == nil { window.discard(before: position) }
        }
        if let known, known.place < limit { return .marker(known.marker, at: known.place) }
        guard limit == .max else { return nil }
        hasNoLandmarksBehind = min(hasNoLandmarksBehind ?? .max, offset)
        return nil
    }

    /// Counts work that damage makes, so that no file can make it grow faster than itself.
    ///
    /// - Throws: ``RecordFault``
    func spend(_ bytes: UInt64) throws(RecordFault) {
        work &+= bytes
        let size = window.isEndKnown ? window.end : position
        guard work <= 32 * min(size, 1 << 56) + (1 << 26) else { throw RecordFault(reason: .tooManyDamages) }
    }

    // MARK: - Markers

    /// The first marker at or behind `offset` whose file is known.
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
        // In a stream more may come.
        knownMarkerAhead = found == nil && window.isStream && !window.isEndKnown ? nil : (offset, found)
        return found
    }

    /// - Parameter body: returns false to end the search.
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

/// Tells whether a chunk that damage was searched for is one that was read already.
struct ChunkFingerprint: Hashable {
    static let limit = 65_536

    private let crc: UInt32
    private let size: UInt64
    private let start: UInt64
    private let end: UInt64

    init(_ chunk: DecodedChunk) {
        // Without its own checksum only its bytes tell it from others.
        crc = chunk.uncompressedCRC != 0 ? chunk.uncompressedCRC : CRC32.of(chunk.records)
        size = chunk.uncompressedSize
        start = chunk.startTime
        end = chunk.endTime
    }
}
