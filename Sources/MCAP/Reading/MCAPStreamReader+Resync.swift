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

    var offset: UInt64 {
        switch self {
        case .marker(_, let offset), .file(let offset), .chunk(let offset, _): offset
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
    private static let streamLookAhead: UInt64 = 1 << 26

    /// The first place at or behind `offset` that is believed, nil if there is none.
    ///
    /// Believed is a marker of a known file: nobody else knows its sync marker. What else looks like a chunk, a marker or
    /// a file may be the payload of a recorded message, which anybody can send: it is believed only where no chunk of
    /// ours can have been.
    func resynchronize(from offset: UInt64) throws -> Landing? {
        let known = try nextKnownMarker(from: offset)
        let end = known?.place
        var position = offset
        while end.map({ position < $0 }) ?? true {
            if hasNoLandmarksBehind.map({ position >= $0 }) ?? false { break }
            guard let piece = try window.piece(at: position, atLeast: 64, limit: Landmark.pieceSize) else { break }
            let count = piece.count
            let landmarks = Landmark.find(Landmark.Kind.allCases, in: piece, at: position)
            try spend(UInt64(count))
            for landmark in landmarks {
                if let end, landmark.offset >= end { break }
                if let landing = try landing(at: landmark, before: known) { return landing }
            }
            if count < 64, try window.isEnd(position + UInt64(count)) { break }
            // One may begin in the last bytes of this piece.
            position += UInt64(max(count - Landmark.size + 1, 1))
            if end == nil { window.discard(before: position) }
        }
        if let known { return .marker(known.marker, at: known.place) }
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
    private func forEachMarker(
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

    // MARK: - What else may be believed

    private func landing(at landmark: Landmark, before known: KnownMarker?) throws -> Landing? {
        switch landmark.kind {
        case .magic:
            guard files.count < FilePart.limit, lastFileStart.map({ landmark.offset > $0 }) ?? true,
                try window.isFileStart(at: landmark.offset)
            else { return nil }
            // As many bytes as were written between two markers of one file hold nothing else.
            if let excess = excess(before: known), excess <= 0 { return nil }
            return .file(at: landmark.offset)
        case .marker:
            guard let marker = try window.marker(at: landmark.offset) else { return nil }
            guard try isBelievable(marker, at: landmark.offset, before: known) else { return nil }
            return .marker(marker, at: landmark.offset)
        case .chunk:
            return try chunk(at: landmark.offset, before: known)
        }
    }

    /// By how many bytes the next marker stands farther from the last than it was written; nil if that is not known.
    private func excess(before known: KnownMarker?) -> Int64? {
        guard let known, known.file == file.number, let anchor = file.anchor else { return nil }
        return Int64(bitPattern: (known.place &- anchor.place) &- (known.marker.offset &- anchor.recorded))
    }

    /// A marker of a file that is not known.
    private func isBelievable(_ marker: Marker, at place: UInt64, before known: KnownMarker?) throws -> Bool {
        guard files.count < FilePart.limit, !isShadowed(place, before: known) else { return false }
        if let excess = excess(before: known) { return excess > 0 }
        // One alone among those of another file, or behind the last of this one, may be a payload.
        var next: (marker: Marker, place: UInt64)?
        try forEachMarker(from: place + 1, until: window.isStream ? place + Self.streamLookAhead : .max) {
            next = ($0, $1)
            return false
        }
        let behind = place + UInt64(Marker.recordSize)
        guard let next else {
            // The only one there is: what a writer puts behind it must be there.
            if isMarked { return false }
            guard try window.claimOfChunk(at: behind, limits: limits) != nil else {
                return try window.isPlausibleRecord(at: behind)
            }
            return try chunk(at: behind, before: nil) != nil
        }
        if next.marker.sync == marker.sync { return true }
        // The other one is inside of the chunk of this one.
        if let claim = try window.claimOfChunk(at: behind, limits: limits), claim.end > next.place { return true }
        let start = next.place &- next.marker.offset
        guard start > place, start < next.place else { return false }
        return try window.isFileStart(at: start)
    }

    /// True inside of a chunk that is damaged: what stands there may be payload.
    private func isShadowed(_ place: UInt64, before known: KnownMarker?) -> Bool {
        if let shadow, shadow.contains(place) { return true }
        guard let known, known.file == file.number else { return false }
        return file.isChunkDue && known.marker.ordinal == file.anchorOrdinal
    }

    /// The chunk at `place`, if it is whole and may be one of the file's.
    private func chunk(at place: UInt64, before known: KnownMarker?) throws -> Landing? {
        guard let (end, size) = try window.claimOfChunk(at: place, limits: limits) else { return nil }
        if !window.isStream || window.isEndKnown { guard end <= window.end else { return nil } }
        if let known, known.file == file.number, end > known.place { return nil }
        guard let frame = try window.frame(at: place) else { return nil }
        var channels = log.channels
        let chunk: DecodedChunk
        do {
            try spend(frame.size &+ size)
            chunk = try decodeChunk(frame, channels: &channels).chunk
        } catch let fault as RecordFault {
            if fault.reason == .tooManyDamages { throw fault }
            return nil
        }
        guard !fingerprints.contains(ChunkFingerprint(chunk)) else { return nil }

        let indexSize = chunk.messageIndexes.encodedSize
        var nextOrdinal: UInt64?
        if let known, known.file == file.number, isMarked, let anchor = file.anchor {
            let missing = known.marker.ordinal &- file.anchorOrdinal
            let room = known.marker.offset &- anchor.recorded
            let missingChunks = missing &+ (file.isChunkDue ? 1 : 0)
            // Every marker of the file up to there was read, and so was its chunk.
            guard missingChunks > 0, missingChunks <= 1 << 40 else { return nil }
            if missingChunks == 1 {
                nextOrdinal = known.marker.ordinal
                let markers = missing &* UInt64(Marker.recordSize)
                if room == markers &+ frame.size &+ indexSize { return .chunk(at: place, nextOrdinal: nextOrdinal) }
            }
        }
        let orderlyEnd = try endOfMessageIndexes(chunk, frame)
        let isOrderly = orderlyEnd != nil
        if isMarked {
            // Behind a payload stand at least the message indexes of its own chunk.
            if let orderlyEnd, let known, known.file == file.number, orderlyEnd == known.place {
                return .chunk(at: place, nextOrdinal: known.marker.ordinal)
            }
            if let orderlyEnd, known == nil, try isTail(at: orderlyEnd) { return .chunk(at: place, nextOrdinal: nil) }
            guard isOrderly, !isShadowed(place, before: known) else { return nil }
        } else {
            guard try isOrderly || window.isPlausibleRecord(at: frame.end) else { return nil }
        }
        return .chunk(at: place, nextOrdinal: nextOrdinal)
    }

    /// Whether a file that is not closed ends at `place`.
    private func isTail(at place: UInt64) throws -> Bool {
        if try window.isEnd(place) { return true }
        guard let frame = try window.frame(at: place) else { return false }
        return frame.opcode == Opcode.dataEnd.rawValue && frame.length == UInt64(Layout.dataEndContent)
    }

    /// Where the message indexes of the chunk end, and metadata behind them; nil unless they stand behind it.
    private func endOfMessageIndexes(_ chunk: DecodedChunk, _ frame: RecordFrame) throws -> UInt64? {
        var check = MessageIndexCheck(of: chunk)
        var position = frame.end
        while let next = try window.frame(at: position), next.opcode == Opcode.messageIndex.rawValue,
            next.length <= UInt64(chunk.messageCount * Layout.messageIndexEntry + 64),
            let content = try window.bytes(at: next.contentStart, count: Int(next.length))
        {
            guard (try? check.add(content, allowingExtension: true))?.fits == true else { return nil }
            position = next.end
        }
        guard check.missing.isEmpty, !check.seen.isEmpty else { return nil }
        while let next = try window.frame(at: position), next.opcode == Opcode.metadata.rawValue,
            next.length <= 1 << 20
        {
            position = next.end
        }
        return position
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
        crc = chunk.uncompressedCRC
        size = chunk.uncompressedSize
        start = chunk.startTime
        end = chunk.endTime
    }
}
