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
            try pass(frame)
            log.metadataIndexes.append(MetadataIndex(offset: frame.start, length: frame.size, name: metadata.name))
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
            log.statistics.attachmentCount += 1
            try pass(frame)
        case .schema? where !isMarked, nil where !isMarked:
            try pass(frame)
        default:
            throw RecordFault(reason: .unexpectedRecord(opcode: frame.opcode))
        }
        return nil
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
            // Its length would be waited for, which may never come.
            throw RecordFault(reason: .malformed(opcode: frame.opcode, field: "length"))
        }
        let allowingExtension = !isMarked
        do {
            let chunk: DecodedChunk
            let timesDiffer: Bool
            if damages.isEmpty {
                (chunk, timesDiffer) = try decoder.decode(
                    frame, from: window, channels: &file.log.channels, allowingExtension: allowingExtension)
            } else {
                var channels = log.channels
                (chunk, timesDiffer) = try decodeChunk(frame, channels: &channels)
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
            passChunk(frame)
            verified = position
            shadow = nil
            foundAnything = true
            noteRead(chunk)
            return .chunk(chunk)
        } catch let fault as RecordFault where fault.framingHolds {
            try spend(frame.size)
            report(at: frame.start, length: frame.size, fault.reason, lost: nil)
            indexCheck = MessageIndexCheck(ofLostChunk: damages.count - 1)
            shadow = frame.start..<frame.end
            passChunk(frame)
            return nil
        }
    }

    /// Whether a chunk of ours was read already, at another place of damaged bytes.
    private func isCopy(_ chunk: DecodedChunk) -> Bool {
        guard isMarked else { return false }
        if let ordinal = file.chunkOrdinal, file.read.contains(ordinal) { return true }
        // It may have been read without its marker, and so without its ordinal.
        return !damages.isEmpty && chunk.messageCount > 0 && fingerprints.contains(ChunkFingerprint(chunk))
    }

    /// Remembers which chunk of the file it is, and what must stand behind it.
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

    private func passChunk(_ frame: RecordFrame) {
        position = frame.end
        gap = CRC32()
        gapStart = frame.end
    }

    private func readMessageIndex(_ frame: RecordFrame) throws {
        // Without a chunk before it, the chunk itself must have become something else.
        guard indexCheck != nil else { throw RecordFault(reason: .unexpectedRecord(opcode: frame.opcode)) }
        let content = try window.content(of: frame, limits: limits)
        do {
            guard let (channelID, fits) = try indexCheck?.add(content, allowingExtension: !isMarked) else { return }
            try pass(frame)
            if fits {
                // Behind a lost chunk it is not the last whole one's, for all that it looks in order.
                if indexCheck?.chunk != nil { log.addMessageIndex(of: channelID, at: frame) }
            } else {
                report(at: frame.start, length: frame.size, .messageIndex(channelID: channelID), lost: 0)
                // The next marker would only say the same again.
                gap = nil
            }
        } catch let malformed as MalformedRecord {
            throw RecordFault(.messageIndex, malformed)
        }
    }

    /// The records behind a chunk are over: all channels must have had theirs, if the file has message indexes at all.
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

    /// Messages outside of chunks, and what describes them between: as many as are at hand, as if they were a chunk.
    private func readMessages(from first: RecordFrame) throws -> Item? {
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
            // What did not arrive yet is for the next time.
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

    private func readDataEnd(_ frame: RecordFrame) throws {
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

    /// Of the data section; nil in a stream that holds something else before the file.
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
