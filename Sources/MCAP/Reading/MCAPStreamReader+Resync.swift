#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

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

/// A place in damaged bytes where reading may be able to continue.
struct Landmark {
    enum Kind: CaseIterable {
        /// The opcode and the length of a marker.
        case marker
        /// The magic bytes at the start of an MCAP file.
        case magic
        /// The opcode of a chunk with a plausible length.
        case chunk

        fileprivate var firstByte: UInt8 {
            switch self {
            case .marker: Opcode.marker.rawValue
            case .magic: Layout.magic[0]
            case .chunk: Opcode.chunk.rawValue
            }
        }
    }

    let kind: Kind
    let offset: UInt64

    /// Bytes needed to recognize one.
    static let size = Layout.recordHeader
    /// Bytes searched at a time.
    static let pieceSize = 1 << 16

    /// The landmarks that begin in `bytes`, ascending, if their first nine bytes are included.
    ///
    /// - Parameter offset: position of `bytes` in the source.
    static func find(
        _ kinds: some Sequence<Kind>, in bytes: UnsafeRawBufferPointer, at offset: UInt64
    ) -> [Landmark] {
        var found: [Landmark] = []
        guard let base = bytes.baseAddress, bytes.count >= size else { return found }
        let last = bytes.count - size
        for kind in kinds {
            var position = 0
            while position <= last,
                let hit = memchr(base + position, Int32(kind.firstByte), last - position + 1)
            {
                position = base.distance(to: UnsafeRawPointer(hit))
                if matches(kind, bytes, position) {
                    found.append(Landmark(kind: kind, offset: offset + UInt64(position)))
                }
                position += 1
            }
        }
        found.sort { $0.offset < $1.offset }
        return found
    }

    private static func matches(_ kind: Kind, _ bytes: UnsafeRawBufferPointer, _ position: Int) -> Bool {
        let length = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: position + 1, as: UInt64.self))
        switch kind {
        case .marker: return length == UInt64(Marker.contentSize)
        case .magic: return bytes[position..<position + Layout.magic.count].elementsEqual(Layout.magic)
        case .chunk: return length >= UInt64(Layout.chunkHeader) && length < 1 << 40
        }
    }
}

extension SourceWindow {
    /// The marker at `offset`, regardless of the opcode and length before it; nil unless its CRC matches.
    func marker(at offset: UInt64) throws -> Marker? {
        let contentStart = offset + UInt64(Layout.recordHeader)
        guard let content = try bytes(at: contentStart, count: Marker.contentSize) else { return nil }
        return Marker(content: content)
    }

    /// Whether a file begins at `offset`: magic and a header.
    func isFileStart(at offset: UInt64) throws -> Bool {
        guard let magic = try bytes(at: offset, count: Layout.magic.count), magic.elementsEqual(Layout.magic),
            let frame = try frame(at: offset + UInt64(Layout.magic.count)),
            frame.opcode == Opcode.header.rawValue, frame.length <= 1 << 16,
            let content = try bytes(at: frame.contentStart, count: Int(frame.length))
        else { return false }
        return (try? Header(content: content)) != nil
    }

    /// The header of the chunk at `offset`, possibly beyond the end of the source; nil unless it is consistent.
    func claimOfChunk(at offset: UInt64, limits: ReadLimits, allowingOddTimes: Bool = false) throws -> ChunkClaim? {
        let most = Layout.recordHeader + Layout.chunkHeader + 4 + 4
        guard let opening = try bytes(at: offset, count: Layout.recordHeader + Layout.chunkHeader),
            opening[0] == Opcode.chunk.rawValue
        else { return nil }
        func load(_ place: Int) -> UInt64 {
            UInt64(littleEndian: opening.loadUnaligned(fromByteOffset: place, as: UInt64.self))
        }
        let (length, start, end, size) = (load(1), load(9), load(17), load(25))
        let crc = UInt32(littleEndian: opening.loadUnaligned(fromByteOffset: 33, as: UInt32.self))
        let nameSize = UInt32(littleEndian: opening.loadUnaligned(fromByteOffset: 37, as: UInt32.self))
        guard length >= UInt64(Layout.chunkHeader), length <= limits.maximumRecordSize,
            size <= limits.maximumChunkSize, start <= end || allowingOddTimes,
            nameSize == 0 || nameSize == 3 || nameSize == 4
        else { return nil }
        // The records and their length after the name must fill the rest.
        guard let all = try bytes(at: offset, count: min(most, Layout.recordHeader + Int(length))) else { return nil }
        let lengthPlace = 41 + Int(nameSize)
        guard all.count >= lengthPlace + 8 else { return nil }
        let dataSize = UInt64(littleEndian: all.loadUnaligned(fromByteOffset: lengthPlace, as: UInt64.self))
        guard dataSize == length - UInt64(Layout.chunkHeader) - UInt64(nameSize) else { return nil }
        let name = all[41..<lengthPlace]
        let packing: ChunkClaim.Packing? =
            if nameSize == 0 { dataSize == size ? .stored : nil } else if name.elementsEqual("zstd".utf8) {
                .zstd
            } else { name.elementsEqual("lz4".utf8) ? .lz4 : nil }
        let dataStart = offset + UInt64(lengthPlace + 8)
        return packing.map { ChunkClaim(packing: $0, data: dataStart..<dataStart + dataSize, size: size, crc: crc) }
    }

    /// Whether the chunk may be intact, checked without loading it.
    func mayBeWhole(_ claim: ChunkClaim) throws -> Bool {
        switch claim.packing {
        case .zstd: return try mayBeZstd(claim.data, size: claim.size)
        case .lz4: return try mayBeLZ4(claim.data, size: claim.size)
        case .stored:
            guard claim.crc != 0 else { return true }
            var crc = CRC32()
            return try forEachPiece(in: claim.data) { crc.update($0) } && crc.value == claim.crc
        }
    }
}

/// The claims of a chunk header.
struct ChunkClaim {
    enum Packing { case stored, zstd, lz4 }

    let packing: Packing
    /// Position of its records.
    let data: Range<UInt64>
    /// Bytes of its records uncompressed.
    let size: UInt64
    let crc: UInt32

    var end: UInt64 { data.upperBound }
}
