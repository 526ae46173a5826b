/// Decides which apparent chunks, markers and files are real, and not the payload of a message, which anyone can send.
extension MCAPStreamReader {
    func landing(at landmark: Landmark, before known: KnownMarker?) throws -> Landing? {
        switch landmark.kind {
        case .magic:
            guard files.count < FilePart.limit, lastFileStart.map({ landmark.offset > $0 }) ?? true,
                try window.isFileStart(at: landmark.offset)
            else { return nil }
            // Exactly as many bytes as were written between two markers of one file contain nothing else.
            if !isBehindData, let excess = excess(before: known), excess <= 0 { return nil }
            return .file(at: landmark.offset)
        case .marker:
            guard let marker = try window.marker(at: landmark.offset) else { return nil }
            guard try isBelievable(marker, at: landmark.offset, before: known) else { return nil }
            return .marker(marker, at: landmark.offset)
        case .chunk:
            return try chunk(at: landmark.offset, before: known)
        }
    }

    /// How many bytes farther the next marker is from the last one than it was written; nil if unknown.
    private func excess(before known: KnownMarker?) -> Int64? {
        guard let known, known.file == file.number, !isMovedBack(known), let anchor = file.anchor else { return nil }
        return Int64(bitPattern: (known.place &- anchor.place) &- (known.marker.offset &- anchor.recorded))
    }

    /// A marker of an unknown file.
    func isBelievable(_ marker: Marker, at place: UInt64, before known: KnownMarker?) throws -> Bool {
        guard files.count < FilePart.limit, !isShadowed(place, before: known) else { return false }
        if let excess = excess(before: known) {
            // Bytes of another file were inserted. If the start of that file is missing, an unmoved chunk must follow.
            guard excess > 0 else { return false }
            return try startsFile(marker, at: place) || isOrderlyChunk(at: place + UInt64(Marker.recordSize))
        }
        // A single one among those of another file, or after the last of this one, may be a payload.
        var next: (marker: Marker, place: UInt64)?
        try forEachMarker(from: place + 1, until: window.isStream ? place + Self.streamLookAhead : .max) {
            // A repetition of the same marker proves nothing.
            if $0.sync == marker.sync, $0.ordinal == marker.ordinal { return true }
            next = ($0, $1)
            return false
        }
        let behind = place + UInt64(Marker.recordSize)
        guard let next else {
            // It is the only marker: the records that a writer puts after it must follow.
            if file.sync != nil { return false }
            guard try window.claimOfChunk(at: behind, limits: limits) != nil else {
                return try isOrderlyRecord(at: behind)
            }
            return try chunk(at: behind, before: nil) != nil
        }
        if next.marker.sync == marker.sync { return true }
        // The next marker is inside the chunk of this one.
        if let claim = try window.claimOfChunk(at: behind, limits: limits), claim.end > next.place { return true }
        let start = next.place &- next.marker.offset
        guard start > place, start < next.place else { return false }
        return try window.isFileStart(at: start)
    }

    /// Whether the marker's file begins before it and is undamaged up to the marker.
    private func startsFile(_ marker: Marker, at place: UInt64) throws -> Bool {
        let start = place &- marker.offset
        return try start < place && window.isFileStart(at: start)
    }

    private func isOrderlyChunk(at place: UInt64) throws -> Bool {
        guard try window.claimOfChunk(at: place, limits: limits) != nil, let frame = try window.frame(at: place)
        else { return false }
        try spend(frame.size)
        // Its channels are described in it.
        var channels = ChannelTable()
        guard let chunk = try? decoder.decode(frame, from: window, channels: &channels, allowingExtension: false).chunk
        else { return false }
        return try endOfMessageIndexes(chunk, frame) != nil
    }

    /// Whether the chunk may belong to the current file although its marker is gone.
    func mayFollow(_ chunk: DecodedChunk, _ frame: RecordFrame) throws -> Bool {
        try landing(on: chunk, frame, before: try nextKnownMarker(from: frame.start)) != nil
    }

    /// True inside a damaged chunk: what is there may be payload.
    private func isShadowed(_ place: UInt64, before known: KnownMarker?, until end: UInt64? = nil) -> Bool {
        if let shadow, place > shadow.lowerBound, place < shadow.upperBound {
            // If bytes were removed, the chunk is shorter than its length says.
            let removed = UInt64(-min(excess(before: known) ?? 0, 0))
            if end ?? place <= max(shadow.upperBound - min(removed, shadow.upperBound), shadow.lowerBound) {
                return true
            }
        }
        guard let known, known.file == file.number else { return false }
        return file.isChunkDue && known.marker.ordinal == file.anchorOrdinal
    }

    /// The chunk at `place`, if it is intact and cannot be the payload of a message.
    private func chunk(at place: UInt64, before known: KnownMarker?) throws -> Landing? {
        guard let claim = try window.claimOfChunk(at: place, limits: limits) else { return nil }
        if !window.isStream || window.isEndKnown { guard claim.end <= window.end else { return nil } }
        if let known, known.file == file.number, claim.end > known.place { return nil }
        guard let frame = try window.frame(at: place) else { return nil }
        try spend(frame.size)
        guard try window.mayBeWhole(claim) else { return nil }
        let spent = frame.size &+ claim.size
        try spend(spent)
        var stranger: Int?
        var channels = log.channels
        let chunk: DecodedChunk
        do {
            chunk = try decodeChunk(frame, channels: &channels).chunk
        } catch let fault as RecordFault {
            guard case .channelConflict = fault.reason, let number = try fileOfStranger(frame) else { return nil }
            channels = number < files.count ? files[number].log.channels : ChannelTable()
            chunk = try decoder.decode(frame, from: window, channels: &channels, allowingExtension: true).chunk
            stranger = number
        }
        guard !fingerprints.contains(ChunkFingerprint(chunk)) else { return nil }
        guard let landing = try landing(on: chunk, frame, before: known) else { return nil }
        // Bytes that are read do not count as search work.
        work &-= spent
        return stranger.map { .stranger(file: $0, at: place) } ?? landing
    }

    private func landing(
        on chunk: DecodedChunk, _ frame: RecordFrame, before known: KnownMarker?
    ) throws -> Landing? {
        let place = frame.start
        // Markers of a file after its end show a repeated part of the file, which may be cut off.
        let isAmongOurs = known.map { $0.file == file.number } ?? false
        guard isMarked, !isBehindData || isAmongOurs else {
            return try isFree(chunk, frame) ? .chunk(at: place, nextOrdinal: nil) : nil
        }
        // A payload is followed at least by the message indexes of its own chunk.
        let orderlyEnd = try endOfMessageIndexes(chunk, frame)
        if let orderlyEnd, let known, orderlyEnd == known.place {
            let isOurs = known.file == file.number
            return .chunk(at: place, nextOrdinal: isOurs ? known.marker.ordinal : nil)
        }
        if let orderlyEnd, known == nil, try isTail(at: orderlyEnd) { return .chunk(at: place, nextOrdinal: nil) }
        var nextOrdinal: UInt64?
        switch missing(before: known) {
        // Every chunk up to the marker was read: what is left are copies or payload.
        case .nothing: return nil
        case .one(let room):
            guard let known else { return nil }
            nextOrdinal = known.marker.ordinal
            if room == frame.size &+ chunk.messageIndexes.encodedSize {
                return .chunk(at: place, nextOrdinal: nextOrdinal)
            }
        case .several, .unknown: break
        }
        guard !isShadowed(place, before: known, until: frame.end) else { return nil }
        if try orderlyEnd != nil || hasIndexBehind(chunk, frame) { return .chunk(at: place, nextOrdinal: nextOrdinal) }
        guard known.map({ $0.file != file.number || isMovedBack($0) }) ?? true,
            try isOrderlyRecord(at: frame.end, allowingMessages: false)
        else { return nil }
        return .chunk(at: place, nextOrdinal: nil)
    }

    /// What is unread of the current file before the next marker.
    private enum Missing {
        case nothing
        /// - Parameter room: bytes in which the chunk, its message indexes and following metadata were written.
        case one(room: UInt64)
        case several, unknown
    }

    private func missing(before known: KnownMarker?) -> Missing {
        guard let known, known.file == file.number, let anchor = file.anchor, !isMovedBack(known) else {
            return .unknown
        }
        let markers = known.marker.ordinal &- file.anchorOrdinal
        switch markers &+ (file.isChunkDue ? 1 : 0) {
        case 0: return .nothing
        case 1:
            return .one(room: known.marker.offset &- anchor.recorded &- markers &* UInt64(Marker.recordSize))
        default: return .several
        }
    }

    /// Whether the next marker originally preceded what was read last: the bytes were reordered.
    private func isMovedBack(_ known: KnownMarker) -> Bool {
        known.file == file.number && file.anchor != nil && known.marker.ordinal < file.anchorOrdinal
    }

    /// Whether `chunk` cannot be a payload, in a file without markers.
    private func isFree(_ chunk: DecodedChunk, _ frame: RecordFrame) throws -> Bool {
        let isFollowed =
            try isOrderlyRecord(at: frame.end, allowingMessages: false) || hasIndexBehind(chunk, frame)
        if let shadow, frame.start > shadow.lowerBound, frame.end <= shadow.upperBound {
            // Nothing follows a chunk that is cut off. The length of a chunk that lost bytes includes what follows it.
            guard shadow.upperBound > window.end, isFollowed else { return false }
        }
        if isFollowed { return true }
        // Nothing of the file was seen yet, or nothing proves the chunk.
        guard !file.isUntouched, chunk.uncompressedCRC != 0 else {
            return try endOfMessageIndexes(chunk, frame) != nil || isOrderlyRecord(at: frame.end)
        }
        // Chunks of our files are followed by message indexes. A chunk without them is the payload of a message in a
        // chunk that is cut off.
        return !isMarked
    }

    /// True where the current file cannot have a chunk: nothing there is a payload of its messages.
    private var isBehindData: Bool {
        switch phase {
        case .summary, .behind: true
        default: false
        }
    }

    /// Whether one of its message indexes follows the chunk, compared up to the first entry or the end of the source.
    private func hasIndexBehind(_ chunk: DecodedChunk, _ frame: RecordFrame) throws -> Bool {
        let opening = Layout.recordHeader + 6
        let size = opening + Layout.messageIndexEntry
        guard let found = try window.piece(at: frame.end, atLeast: size, limit: size) else { return true }
        for slot in 0..<chunk.messageIndexes.slotCount where !chunk.messageIndexes.isEmpty(slot: slot) {
            var expected = GrowableBuffer(capacity: size)
            let entries = chunk.messageIndexes.entries(ofSlot: slot)
            expected.append(Opcode.messageIndex.rawValue)
            expected.append(UInt64(6 + entries.count))
            expected.append(chunk.messageIndexes.channelID(ofSlot: slot))
            expected.append(UInt32(entries.count))
            expected.append(UnsafeRawBufferPointer(rebasing: entries.prefix(Layout.messageIndexEntry)))
            if expected.bytes(in: 0..<found.count).elementsEqual(found) { return true }
        }
        return false
    }

    /// Whether an unclosed file ends at `place`.
    private func isTail(at place: UInt64) throws -> Bool {
        if try window.isEnd(place) { return true }
        guard let frame = try window.frame(at: place) else { return false }
        return frame.opcode == Opcode.dataEnd.rawValue && frame.length == UInt64(Layout.dataEndContent)
    }

    /// The end of the chunk's message indexes and following metadata; nil unless they follow it.
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
