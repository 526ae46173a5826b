extension MCAPStreamReader {
    /// Reads one record of the data section.
    func readData(_ frame: RecordFrame) throws -> Item? {
        let opcode = Opcode(rawValue: frame.opcode)
        guard phase.isHeader == (opcode == .header) else {
            throw RecordFault(reason: .unexpectedRecord(opcode: frame.opcode))
        }
        if opcode != .messageIndex { endMessageIndexes() }
        switch opcode {
        case .header?:
            let header = try read(frame, as: .header, Header.init(content:))
            try pass(frame)
            phase = .data
            foundAnything = true
            return .header(header)
        case .metadata?:
            let allowingExtension = !isMarked
            let metadata = try read(frame, as: .metadata) { content throws(MalformedRecord) in
                try Metadata(content: content, allowingExtension: allowingExtension)
            }
            try passDescription(frame)
            if !window.isStream || log.metadataIndexes.count < DataLog.streamLimit {
                log.metadataIndexes.append(MetadataIndex(offset: frame.start, length: frame.size, name: metadata.name))
            } else {
                log.isAbridged = true
            }
            return .metadata(metadata)
        case .chunk?:
            return try readChunk(frame)
        case .messageIndex?:
            try readMessageIndex(frame)
        case .channel?:
            try log.channels.add(try read(frame, as: .channel, Channel.init(content:)))
            try pass(frame)
        case .message? where !isMarked:
            return try readMessages(from: frame)
        case .dataEnd?:
            try readDataEnd(frame)
        case .footer?:
            report(at: position, length: 0, .dataEndMissing, lost: 0)
            beginSummary(at: position)
        case .attachment? where !isMarked:
            guard try window.isAttachment(frame) else {
                throw RecordFault(reason: .malformed(opcode: frame.opcode, field: "data"))
            }
            log.statistics.attachmentCount += 1
            try passAttachment(frame)
        case .schema? where !isMarked:
            try read(frame, as: .schema) { content throws(MalformedRecord) in
                try SourceWindow.checkSchema(content, allowingExtension: true)
            }
            try passDescription(frame)
        case nil where !isMarked:
            try passUnknown(frame)
        default:
            throw RecordFault(reason: .unexpectedRecord(opcode: frame.opcode))
        }
        return nil
    }

    /// A stream of only such records would be kept forever for the search after damage.
    private func passDescription(_ frame: RecordFrame) throws {
        let isWhole = try window.isStream && !isMarked && isOrderlyRecord(at: frame.start)
        try pass(frame)
        if isWhole { verified = position }
    }

    /// It may be larger than what is kept of a stream.
    private func passAttachment(_ frame: RecordFrame) throws {
        guard window.isStream else { return try pass(frame) }
        gap = nil
        while position < frame.end {
            let count = min(frame.end - position, 1 << 17)
            guard try window.bytes(at: position, count: Int(count)) != nil else {
                throw RecordFault(reason: .truncated)
            }
            position += count
            verified = position
        }
    }

    /// Accepts a record of a later format or another program, unless it is garbage.
    private func passUnknown(_ frame: RecordFrame) throws {
        guard try isOrderlyRecord(at: frame.end) else {
            throw RecordFault(reason: .unexpectedRecord(opcode: frame.opcode))
        }
        // An intact chunk inside it cannot be one of its fields.
        if try resynchronize(from: frame.start + 1, until: frame.end) != nil {
            throw RecordFault(reason: .unexpectedRecord(opcode: frame.opcode))
        }
        try pass(frame)
    }

    func read<Record>(
        _ frame: RecordFrame, as opcode: Opcode,
        _ make: (UnsafeRawBufferPointer) throws(MalformedRecord) -> Record
    ) throws -> Record {
        try parse(try window.content(of: frame, limits: limits), as: opcode, make)
    }

    private func readChunk(_ frame: RecordFrame) throws -> Item? {
        if window.isStream, frame.length > 1 << 22,
            try window.claimOfChunk(at: frame.start, limits: limits, allowingOddTimes: true) == nil
        {
            // The reader would wait for its length, which may never arrive.
            throw RecordFault(reason: .malformed(opcode: frame.opcode, field: "length"))
        }
        let allowingExtension = !isMarked
        do {
            let chunk: DecodedChunk
            let timesDiffer: Bool
            if damages.isEmpty, isDue(frame) {
                (chunk, timesDiffer) = try decoder.decode(
                    frame, from: window, channels: &file.log.channels, allowingExtension: allowingExtension)
            } else {
                var channels = log.channels
                (chunk, timesDiffer) = try decodeChunk(frame, channels: &channels)
                if !isDue(frame) {
                    guard try !isMarkerPassed(before: frame), try isCopy(chunk) || mayFollow(chunk, frame) else {
                        throw RecordFault(reason: .unexpectedRecord(opcode: frame.opcode))
                    }
                    if damages.isEmpty { report(at: frame.start, length: 0, .marker, lost: 0) }
                }
                log.channels = channels
            }
            if isCopy(chunk) {
                report(at: frame.start, length: frame.size, .duplicate, lost: 0)
                indexCheck = MessageIndexCheck(ofLostChunk: nil)
                passChunk(frame)
                verified = position
                shadow = nil
                file.chunkOrdinal = nil
                return nil
            }
            if timesDiffer { report(at: frame.start, length: 0, .chunkTimes, lost: 0) }
            chunk.fileNumber = file.number
            log.add(chunk, limit: window.isStream ? DataLog.streamLimit : .max)
            if fingerprints.count < ChunkFingerprint.limit { fingerprints.insert(ChunkFingerprint(chunk)) }
            indexCheck = MessageIndexCheck(of: chunk)
            try passChunk(frame, chunk)
            shadow = nil
            foundAnything = true
            noteRead(chunk)
            return .chunk(chunk)
        } catch let fault as RecordFault where fault.framingHolds {
            if case .channelConflict = fault.reason, try enterFile(ofChunk: frame) { return nil }
            try spend(frame.size)
            let isFramed = try isOrderlyRecord(at: frame.end, allowingMessages: false)
            // Its length may be wrong or some of its bytes missing, so that it includes bytes of other records.
            guard isFramed || isMarked else { throw RecordFault(reason: fault.reason) }
            report(at: frame.start, length: frame.size, fault.reason, lost: nil)
            indexCheck = MessageIndexCheck(ofLostChunk: damages.count - 1)
            shadow = isFramed || isMarked ? frame.start..<frame.end : nil
            passChunk(frame)
            return nil
        }
    }

    /// An intact chunk that describes a channel differently belongs to another file.
    ///
    /// - Returns: whether there is a file that it matches, which becomes the current one.
    private func enterFile(ofChunk frame: RecordFrame) throws -> Bool {
        guard let number = try fileOfStranger(frame) else { return false }
        endMessageIndexes()
        report(at: frame.start, length: 0, .anotherFile, lost: 0)
        enterStranger(number, at: frame.start)
        return true
    }

    /// Whether a chunk is expected here: after a marker of its file, or where damage was found to end. In a file
    /// without markers it is expected anywhere.
    private func isDue(_ frame: RecordFrame) -> Bool {
        if !isMarked || lastLanding == frame.start { return true }
        return file.chunkOrdinal != nil && file.anchor?.place == frame.start
    }

    /// Whether the last chunk could not be read because its length is wrong, so that it includes more of the file.
    private func isMarkerPassed(before frame: RecordFrame) throws -> Bool {
        guard let shadow, shadow.upperBound <= frame.start else { return false }
        return try nextKnownMarker(from: shadow.lowerBound).map { $0.place < frame.start } ?? false
    }

    /// Whether a chunk of ours was already read at another position.
    private func isCopy(_ chunk: DecodedChunk) -> Bool {
        guard isMarked else { return false }
        // Markers may be those of others: an ordinal alone is believed only where fingerprints are not kept any more.
        if fingerprints.count < ChunkFingerprint.limit || chunk.messageCount == 0 {
            return chunk.messageCount > 0 && fingerprints.contains(ChunkFingerprint(chunk))
        }
        guard !damages.isEmpty || file.chunkOrdinal.map({ file.read.contains($0) }) ?? false else { return false }
        return file.chunkOrdinal.map { file.read.contains($0) } ?? fingerprints.contains(ChunkFingerprint(chunk))
    }

    /// Notes which chunk of the file was read, and what must follow it.
    private func noteRead(_ chunk: DecodedChunk) {
        guard isMarked, let ordinal = file.chunkOrdinal else {
            file.anchor = nil
            return
        }
        file.read.insert(ordinal)
        file.chunkOrdinal = nil
        let end = position + chunk.messageIndexes.encodedSize
        file.anchor = (end, end &- file.shift)
        file.anchorOrdinal = ordinal &+ 1
        file.isChunkDue = false
    }

    /// A later format may add fields after a chunk's data; or its length was overwritten.
    private func passChunk(_ frame: RecordFrame, _ chunk: DecodedChunk) throws {
        let end = frame.contentStart + UInt64(chunk.recordContent.count)
        var passed = frame
        if end < frame.end, try !isOrderlyRecord(at: frame.end, allowingMessages: false) {
            report(at: frame.start, length: 0, .malformed(opcode: frame.opcode, field: "length"), lost: 0)
            passed = RecordFrame(opcode: frame.opcode, start: frame.start, length: end - frame.contentStart)
        }
        passChunk(passed)
        verified = end
    }

    private func passChunk(_ frame: RecordFrame) {
        position = frame.end
        gap = CRC32()
        gapStart = frame.end
    }

    private func readMessageIndex(_ frame: RecordFrame) throws {
        // Without a preceding chunk, the chunk itself must have been altered.
        guard indexCheck != nil else { throw RecordFault(reason: .unexpectedRecord(opcode: frame.opcode)) }
        let content = try window.content(of: frame, limits: limits)
        do {
            guard let (channelID, fits) = try indexCheck?.add(content, allowingExtension: !isMarked) else { return }
            try pass(frame)
            if fits {
                // After a lost chunk it does not belong to the last intact one, even if it looks right.
                if indexCheck?.chunk != nil { log.addMessageIndex(of: channelID, at: frame) }
            } else {
                report(at: frame.start, length: frame.size, .messageIndex(channelID: channelID), lost: 0)
                // The next marker would only report it again.
                gap = nil
            }
        } catch let malformed as MalformedRecord {
            throw RecordFault(.messageIndex, malformed)
        }
    }

    /// The records after a chunk end: each channel must have had its index, if the file has message indexes at all.
    func endMessageIndexes() {
        guard let check = indexCheck else { return }
        indexCheck = nil
        if let damage = check.damage, check.entryCount > 0 { damages[damage].messagesLost = check.entryCount }
        guard isMarked || !check.seen.isEmpty else { return }
        for channelID in check.missing {
            report(at: position, length: 0, .messageIndexMissing(channelID: channelID), lost: 0)
            gap = nil
        }
    }

    private func readDataEnd(_ frame: RecordFrame) throws {
        if try isMarkerPassed(before: frame) { throw RecordFault(reason: .unexpectedRecord(opcode: frame.opcode)) }
        let expected = try read(frame, as: .dataEnd, DataEnd.init(content:)).dataSectionCRC
        if expected != 0, mayCheckDataEnd {
            mayCheckDataEnd = false
            if let actual = try dataChecksum(until: frame.start), actual != expected {
                report(at: frame.start, length: 0, .dataEndCRC(expected: expected, actual: actual), lost: 0)
            }
        }
        position = frame.end
        beginSummary(at: frame.end)
    }

    /// CRC of the data section; nil in a stream that contains something else before the file.
    private func dataChecksum(until end: UInt64) throws -> UInt32? {
        let start = isMarked ? 0 : file.shift
        if window.isStream { return start == 0 ? window.checksum(before: end) : nil }
        guard start <= end else { return nil }
        var crc = CRC32()
        _ = try window.forEachPiece(in: start..<end) { crc.update($0) }
        return crc.value
    }

    private func beginSummary(at offset: UInt64) {
        summary = SummaryCheck(start: offset)
        phase = .summary
    }
}
