extension MCAPStreamReader {
    /// True once a marker was seen, even a damaged one: the file is ours and contains no unknown records.
    var isMarked: Bool { log.lastMarker != nil || file.hadMarker }

    /// Reads the record at `position` if it is a marker, intact or not.
    ///
    /// Markers have a fixed size, and a marker with a wrong opcode or length is recognized by its content: such damage
    /// loses nothing, reading continues after it.
    ///
    /// - Returns: false if it is another record.
    func readMarker() throws -> Bool {
        guard let header = try window.bytes(at: position, count: Layout.recordHeader) else { return false }
        let opcode = header[0]
        let length = UInt64(littleEndian: header.loadUnaligned(fromByteOffset: 1, as: UInt64.self))
        let isMarker = opcode == Opcode.marker.rawValue
        guard isMarker || Opcode(rawValue: opcode) == nil else { return false }
        let hasSize = length == UInt64(Marker.contentSize)

        if let marker = try window.marker(at: position) {
            try adopt(marker)
            let isOurs = file.sync.map { $0 == marker.sync } ?? true
            if isOurs {
                try take(marker, isOdd: !isMarker || !hasSize)
            } else {
                reportMarker()
                passUnreadableMarker()
            }
            return true
        }
        guard isMarker, hasSize || isMarked else { return false }
        guard markerFrame.end <= window.end else { throw RecordFault(reason: .truncated) }
        if hasSize { file.hadMarker = true }
        reportMarker()
        passUnreadableMarker()
        return true
    }

    /// Determines the file of a marker at a valid position.
    private func adopt(_ marker: Marker) throws {
        guard let sync = file.sync else {
            knownMarkerAhead = nil
            // A file seen before: its read chunks are known.
            if let known = files.first(where: { $0.sync == marker.sync }) {
                enter(known)
                file.shift = position &- marker.offset
            } else if try isStranger(chunkBehindMarkerAt: position), files.count < FilePart.limit {
                endMessageIndexes()
                report(at: position, length: 0, .anotherFile, lost: 0)
                enter(FilePart(number: files.count, start: position &- marker.offset))
                file.expectedOrdinal = nil
                phase = .data
            }
            return
        }
        guard sync != marker.sync, files.count < FilePart.limit else { return }
        // If this file's marker was overwritten, the next one follows. Otherwise the rest of the file is gone.
        let known = try nextKnownMarker(from: position + 1)
        if let known, known.file == file.number, known.marker.ordinal == file.expectedOrdinal.map({ $0 &+ 1 }) {
            return
        }
        if !isKnown(marker.sync), verified != position, try !isBelievable(marker, at: position, before: known) {
            // The marker is the payload of a message in a chunk with a wrong length or missing bytes.
            throw RecordFault(reason: .marker)
        }
        endMessageIndexes()
        report(at: position, length: 0, .anotherFile, lost: 0)
        enter(fileOf: marker, at: position)
        file.shift = position &- marker.offset
        file.expectedOrdinal = nil
        if !phase.isData { phase = .data }
    }

    /// Whether the data read so far is from another program's file that describes channels differently.
    private func isStranger(chunkBehindMarkerAt place: UInt64) throws -> Bool {
        guard !file.isUntouched, let frame = try window.frame(at: place + UInt64(Marker.recordSize)),
            try window.claimOfChunk(at: frame.start, limits: limits) != nil
        else { return false }
        var channels = log.channels
        do {
            _ = try decoder.decode(frame, from: window, channels: &channels, allowingExtension: true)
        } catch let fault as RecordFault {
            if case .channelConflict = fault.reason { return true }
        }
        return false
    }

    /// - Parameter isOdd: whether its opcode or its length is wrong.
    private func take(_ marker: Marker, isOdd: Bool) throws {
        let shift = position &- marker.offset
        var missing: Damage.Reason?
        if let expected = file.expectedOrdinal, expected != marker.ordinal, !file.read.contains(marker.ordinal) {
            let reason = Damage.Reason.markersMissing(expected: expected, found: marker.ordinal)
            // The missing markers may be inside a record that was passed; the search from there includes these bytes.
            guard verified == position else { throw RecordFault(reason: reason) }
            missing = reason
        }
        if isOdd { reportMarker() }
        if let missing { report(at: position, length: 0, missing, lost: nil) }
        endMessageIndexes()
        if !phase.isData {
            report(at: position, length: 0, .unexpectedRecord(opcode: Opcode.marker.rawValue), lost: 0)
            phase = .data
        }
        if shift != file.shift {
            report(at: position, length: 0, .moved(by: Int64(bitPattern: shift &- file.shift)), lost: 0)
            file.shift = shift
        }
        if let actual = gap?.value, actual != marker.precedingCRC {
            report(
                at: gapStart, length: position - gapStart,
                .precedingCRC(expected: marker.precedingCRC, actual: actual), lost: 0)
            gap = nil
        }
        foundAnything = true
        log.add(marker)
        file.expectedOrdinal = marker.ordinal &+ 1
        file.chunkOrdinal = marker.ordinal
        shadow = nil
        try pass(markerFrame)
        verified = position
        file.anchor = (position, marker.offset &+ UInt64(Marker.recordSize))
        file.anchorOrdinal = marker.ordinal &+ 1
        file.isChunkDue = !file.read.contains(marker.ordinal)
    }

    private func isKnown(_ sync: SyncMarker) -> Bool { files.contains { $0.sync == sync } }

    private func passUnreadableMarker() {
        endMessageIndexes()
        gap = nil
        file.chunkOrdinal = file.expectedOrdinal
        file.expectedOrdinal = file.expectedOrdinal.map { $0 &+ 1 }
        position = markerFrame.end
    }

    private func reportMarker() {
        report(at: position, length: UInt64(Marker.recordSize), .marker, lost: 0)
    }

    private var markerFrame: RecordFrame {
        RecordFrame(opcode: Opcode.marker.rawValue, start: position, length: UInt64(Marker.contentSize))
    }
}
