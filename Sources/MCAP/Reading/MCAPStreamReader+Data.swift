extension MCAPStreamReader {
    /// Reads one record of the data section.
    func readData(_ frame: RecordFrame) throws -> Item? {
        let opcode = Opcode(rawValue: frame.opcode)
        guard (phase == .header) == (opcode == .header) else {
            throw RecordFault(reason: .unexpectedRecord(opcode: frame.opcode))
        }
        if opcode != .messageIndex { endMessageIndexes() }
        switch opcode {
        case .header?:
            let header = try read(frame, as: .header, Header.init(content:))
            try pass(frame)
            phase = .data
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
        case .message?:
            try passMessage(frame)
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
        do {
            let (chunk, timesDiffer) = try decoder.decode(
                frame, from: window, channels: &log.channels, allowingExtension: !isMarked)
            if timesDiffer { report(at: frame.start, length: 0, .chunkTimes, lost: 0) }
            log.add(chunk)
            indexCheck = MessageIndexCheck(of: chunk)
            passChunk(frame)
            verified = position
            return .chunk(chunk)
        } catch let fault as RecordFault where fault.framingHolds {
            report(at: frame.start, length: frame.size, fault.reason, lost: nil)
            indexCheck = MessageIndexCheck(ofLostChunk: damages.count - 1)
            passChunk(frame)
            return nil
        }
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

    /// A message outside of chunks; neighbours become one damage.
    private func passMessage(_ frame: RecordFrame) throws {
        if let last = damages.last, last.reason == .messagesOutsideChunk, last.offset + last.length == frame.start {
            damages[damages.count - 1].length += frame.size
            damages[damages.count - 1].messagesLost = last.messagesLost.map { $0 + 1 }
        } else {
            report(at: frame.start, length: frame.size, .messagesOutsideChunk, lost: 1)
        }
        try pass(frame)
    }

    private func readDataEnd(_ frame: RecordFrame) throws {
        let expected = try read(frame, as: .dataEnd, DataEnd.init(content:)).dataSectionCRC
        if expected != 0, mayCheckDataEnd {
            mayCheckDataEnd = false
            var crc = CRC32()
            _ = try window.forEachPiece(in: 0..<frame.start) { crc.update($0) }
            if crc.value != expected {
                report(at: frame.start, length: 0, .dataEndCRC(expected: expected, actual: crc.value), lost: 0)
            }
        }
        position = frame.end
        beginSummary(at: frame.end)
    }

    private func beginSummary(at offset: UInt64) {
        summary = SummaryCheck(start: offset)
        phase = .summary
    }
}
