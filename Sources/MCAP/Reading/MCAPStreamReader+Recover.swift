/// Continues after damage, and from one file to the next.
extension MCAPStreamReader {
    /// Bytes from `offset` to the end. A stream is read to its end.
    func rest(from offset: UInt64) throws -> UInt64 {
        var end = offset
        while window.isStream, !window.isEndKnown, let piece = try window.piece(at: end, atLeast: 1, limit: 1 << 17) {
            end += UInt64(piece.count)
            window.discard(before: end)
        }
        return window.end - min(offset, window.end)
    }

    /// Continues at the next trustworthy place. In a file of another program: after the record, if it seems to end.
    func recover(from fault: RecordFault) throws -> Item? {
        if fault.reason == .tooManyDamages { throw fault }
        if let claim = try window.claimOfChunk(at: position, limits: limits) {
            // Inside a chunk it may be payload, unless the chunk's length is wrong.
            let isFramed =
                try isMarked || claim.end > window.end || isOrderlyRecord(at: claim.end, allowingMessages: false)
            shadow = isFramed ? position..<claim.end : nil
        }
        if lastFileStart.map({ position > $0 }) ?? true, files.count < FilePart.limit,
            try window.isFileStart(at: position)
        {
            endMessageIndexes()
            report(at: position, length: 0, .truncated, lost: nil)
            try land(on: .file(at: position))
            return nil
        }
        // A record with a wrong length may hide others: search from the last verified position.
        var searched = verified < position ? verified : position + 1
        if let lastLanding { searched = max(searched, lastLanding + 1) }
        searched = max(searched, searchedUntil)
        var skipped: UInt64?
        if !isMarked, phase.isData || phase.isSummary, fault.reason != .truncated { skipped = try skippableEnd() }
        guard let landing = try resynchronize(from: searched, until: skipped ?? .max) else {
            if let skipped {
                report(at: position, length: skipped - position, fault.reason, lost: nil)
                goOn(at: skipped, phase)
                searchedUntil = skipped
                return nil
            }
            if tailMayGrow, fault.reason == .truncated { return finish(.unclosed) }
            let lost: Int? = phase.isSummary ? 0 : nil
            report(at: position, length: try rest(from: position), fault.reason, lost: lost)
            return finish(.cut)
        }
        let (start, reason) =
            landing.offset < position ? takeBack(until: landing.offset, fault.reason) : (position, fault.reason)
        report(at: start, length: landing.offset - start, reason, lost: nil)
        try land(on: landing)
        return nil
    }

    /// The end of the current record, if data may follow it.
    func skippableEnd() throws -> UInt64? {
        guard let frame = try window.frame(at: position), Opcode(rawValue: frame.opcode) != nil,
            !window.isStream || frame.length <= limits.maximumRecordSize
        else { return nil }
        if try window.isEnd(frame.end) { return frame.end }
        guard let next = try window.frame(at: frame.end), next.opcode >= 0x80 || Opcode(rawValue: next.opcode) != nil
        else { return nil }
        // Between chunks, a message is the rest of a damaged chunk.
        let isOfMessages = (Opcode.schema.rawValue...Opcode.message.rawValue).contains(next.opcode)
        guard !isOfMessages || log.statistics.chunkCount == 0 else { return nil }
        return try !window.isStream || window.isEnd(next.end) || next.length <= 1 << 24 ? frame.end : nil
    }

    func isOrderlyRecord(at place: UInt64, allowingMessages: Bool = true) throws -> Bool {
        try window.isOrderlyRecord(at: place, limits: limits, allowingMessages: allowingMessages)
    }

    /// Removes the damage reported since the last verified position: its extent was wrong.
    ///
    /// - Returns: the start of the unreadable bytes, and the first problem there.
    func takeBack(
        until landing: UInt64, _ reason: Damage.Reason
    ) -> (start: UInt64, reason: Damage.Reason) {
        var first: Damage?
        damages.removeAll { damage in
            guard damage.offset >= verified, damage.unreadBytes > 0 else { return false }
            first = first ?? damage
            return true
        }
        indexCheck = nil
        return (min(first?.offset ?? verified, landing), first?.reason ?? reason)
    }

    func goOn(at offset: UInt64, _ phase: Phase) {
        position = offset
        self.phase = phase
        gap = nil
        file.expectedOrdinal = nil
        file.chunkOrdinal = nil
        indexCheck = nil
    }

    func land(on landing: Landing) throws {
        lastLanding = landing.offset
        shadow = nil
        indexCheck = nil
        switch landing {
        case .file(let offset):
            // The bytes before it are not part of a file, or of another one.
            if !file.isUntouched || files.count > 1 { report(at: offset, length: 0, .anotherFile, lost: 0) }
            begin(at: offset)
        case .marker(let marker, let offset):
            enter(fileOf: marker, at: offset)
            goOn(at: offset, .data)
            verified = offset
        case .stranger(let number, let offset):
            report(at: offset, length: 0, .anotherFile, lost: 0)
            enterStranger(number, at: offset)
            goOn(at: offset, .data)
            verified = offset
            foundAnything = true
        case .chunk(let offset, let nextOrdinal):
            goOn(at: offset, .data)
            file.expectedOrdinal = nextOrdinal
            file.chunkOrdinal = nextOrdinal.map { $0 &- 1 }
            verified = offset
            foundAnything = true
        }
    }

    // MARK: - Files

    /// What was seen of each file.
    var allLogs: [DataLog] {
        var logs = files.map(\.log)
        logs[file.number] = file.log
        return logs
    }

    /// Starts reading the file at `offset`.
    func begin(at offset: UInt64) {
        endMessageIndexes()
        if file.isUntouched {
            file = FilePart(number: file.number, start: offset)
            files[file.number] = file
        } else {
            enter(FilePart(number: files.count, start: offset))
        }
        position = offset
        verified = offset
        phase = .start
        gap = CRC32()
        gapStart = offset
        shadow = nil
        mayCheckDataEnd = true
    }

    /// Switches to the file of a marker found in damaged bytes.
    func enter(fileOf marker: Marker, at place: UInt64) {
        if file.sync == nil || file.sync == marker.sync { return }
        if let known = files.first(where: { $0.sync == marker.sync && $0.number != file.number }) {
            enter(known)
        } else {
            // It is unknown how much of its start is gone.
            enter(FilePart(number: files.count, start: place &- marker.offset))
        }
    }

    /// The number of the file of a chunk that is intact but describes channels differently than the current file: a
    /// known file that matches, or a new one.
    func fileOfStranger(_ frame: RecordFrame) throws -> Int? {
        for other in files where other.number != file.number && !other.isUntouched {
            if try isWhole(frame, other.log.channels) { return other.number }
            try spend(frame.size)
        }
        return try files.count < FilePart.limit && isWhole(frame, ChannelTable()) ? files.count : nil
    }

    private func isWhole(_ frame: RecordFrame, _ channels: ChannelTable) throws -> Bool {
        var channels = channels
        do {
            _ = try decoder.decode(frame, from: window, channels: &channels, allowingExtension: true)
            return true
        } catch is RecordFault {
            return false
        }
    }

    /// It is unknown how much of its start is gone.
    func enterStranger(_ number: Int, at place: UInt64) {
        var other = number < files.count ? files[number] : FilePart(number: number, start: place)
        other.expectedOrdinal = nil
        other.chunkOrdinal = nil
        other.anchor = nil
        enter(other)
    }

    func enter(_ other: FilePart) {
        files[file.number] = file
        file = other
        if other.number == files.count { files.append(other) }
        knownMarkerAhead = nil
        gap = nil
    }
}

/// Messages outside of chunks. Only other programs write them.
extension MCAPStreamReader {
    /// Messages outside chunks, and their descriptions: as many as are available, returned as a chunk.
    func readMessages(from first: RecordFrame) throws -> Item? {
        let chunk = decoder.reusableChunk()
        chunk.record.truncate(to: 0)
        var end = first.start
        var next: RecordFrame? = first
        while let frame = next, Self.belongsToMessages(frame) {
            guard frame.length <= limits.maximumRecordSize else {
                guard end == first.start else { break }
                throw RecordFault(
                    reason: .tooLarge(opcode: frame.opcode, size: frame.length, limit: limits.maximumRecordSize))
            }
            guard try window.append(at: frame.start, count: Int(frame.size), to: &chunk.record) else {
                throw RecordFault(reason: .truncated)
            }
            end = frame.end
            if end <= singlesUntil || chunk.record.count >= 1 << 18 { break }
            // The rest has not arrived yet and comes with the next call.
            guard window.isAtHand(end, count: Layout.recordHeader), let frame = try window.frame(at: end),
                window.isAtHand(end, count: Int(min(frame.size, 1 << 20)))
            else { break }
            next = frame
        }
        chunk.records = chunk.record.bytes
        chunk.isLoose = true
        chunk.index = ChunkIndex(
            startTime: 0, endTime: 0, offset: first.start, length: end - first.start, messageIndexOffsets: [:],
            messageIndexLength: 0, compression: "", compressedSize: UInt64(chunk.record.count),
            uncompressedSize: UInt64(chunk.record.count))
        var learned = log.channels
        do {
            try chunk.walk(channels: &learned, keepsSchemas: false)
        } catch {
            guard first.end == end else {
                singlesUntil = end
                return nil
            }
            report(at: first.start, length: first.size, error.reason, lost: 1)
            try pass(first)
            return nil
        }
        log.channels = learned
        log.addLoose(chunk)
        chunk.fileNumber = file.number
        try pass(RecordFrame(opcode: first.opcode, start: first.start, length: end - first.contentStart))
        verified = position
        foundAnything = true
        return .chunk(chunk)
    }

    private static func belongsToMessages(_ frame: RecordFrame) -> Bool {
        frame.opcode == Opcode.message.rawValue || frame.opcode == Opcode.channel.rawValue
            || frame.opcode == Opcode.schema.rawValue
    }
}
