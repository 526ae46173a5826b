/// Decides whether the end of a record is real: a valid record must follow it.
extension SourceWindow {
    /// Limit for records that are read for this. Messages, attachments and message indexes may be larger.
    private static let readAtMost: UInt64 = 1 << 20
    /// A stream would have to be awaited.
    private static let awaitedAtMost: UInt64 = 1 << 24

    /// Whether a valid record of the data or the summary, or the end, is at `offset`.
    ///
    /// - Parameter allowingMessages: false if messages and their descriptions would be the rest of a chunk.
    func isOrderlyRecord(at offset: UInt64, allowingMessages: Bool = true) throws -> Bool {
        if try isEnd(offset) { return true }
        guard let header = try bytes(at: offset, count: Layout.recordHeader) else { return false }
        if header[0] == Layout.magic[0] { return try isFileStart(at: offset) }
        guard let opcode = Opcode(rawValue: header[0]) else { return false }
        let isOfMessages = opcode == .message || opcode == .channel || opcode == .schema
        if isOfMessages, !allowingMessages { return false }
        if isCutOff(header, at: offset) { return true }
        if opcode == .chunk { return try claimOfChunk(at: offset) != nil }
        if opcode == .marker { return try marker(at: offset) != nil }
        guard let frame = try frame(at: offset),
            !isStream || isEndKnown || frame.length <= Self.awaitedAtMost
        else { return false }
        switch opcode {
        case .message: return frame.length >= UInt64(Layout.messageHeader)
        case .messageIndex: return try isMessageIndex(frame)
        case .attachment: return try isAttachment(frame)
        default:
            guard frame.length <= Self.readAtMost,
                let content = try bytes(at: frame.contentStart, count: Int(frame.length))
            else { return false }
            return Self.isOrderly(content, of: opcode)
        }
    }

    /// Whether the source ends inside a record of ordinary size, so that nothing more can be checked.
    private func isCutOff(_ header: UnsafeRawBufferPointer, at offset: UInt64) -> Bool {
        guard isEndKnown, end - offset < UInt64(Layout.recordHeader + Layout.chunkHeader + 4 + 4) else { return false }
        let length = UInt64(littleEndian: header.loadUnaligned(fromByteOffset: 1, as: UInt64.self))
        return length > end - offset - UInt64(Layout.recordHeader) && length <= Self.awaitedAtMost
    }

    private static func isOrderly(_ content: UnsafeRawBufferPointer, of opcode: Opcode) -> Bool {
        do throws(MalformedRecord) {
            switch opcode {
            case .header: _ = try Header(content: content)
            case .dataEnd: return content.count == Layout.dataEndContent
            case .footer: return content.count == Layout.footerContent
            case .channel: _ = try Channel(content: content)
            case .schema: try checkSchema(content, allowingExtension: false)
            case .metadata: _ = try Metadata(content: content, allowingExtension: false)
            case .chunkIndex: _ = try ChunkIndex(content: content)
            case .statistics: _ = try Statistics(content: content)
            case .metadataIndex: _ = try MetadataIndex(content: content)
            case .attachmentIndex, .summaryOffset: break
            case .message, .messageIndex, .chunk, .marker, .attachment: return false
            }
            return true
        } catch {
            return false
        }
    }

    static func checkSchema(
        _ content: UnsafeRawBufferPointer, allowingExtension: Bool
    ) throws(MalformedRecord) {
        var cursor = ByteCursor(content)
        _ = try cursor.integer(UInt16.self, "id")
        _ = try cursor.string("name")
        _ = try cursor.string("encoding")
        _ = try cursor.take(UInt64(cursor.integer(UInt32.self, "data")), "data")
        try cursor.finish(allowingExtension: allowingExtension)
    }

    private func isMessageIndex(_ frame: RecordFrame) throws -> Bool {
        guard frame.length >= 6, let opening = try bytes(at: frame.contentStart, count: 6) else { return false }
        let size = UInt64(UInt32(littleEndian: opening.loadUnaligned(fromByteOffset: 2, as: UInt32.self)))
        return size == frame.length - 6 && size.isMultiple(of: UInt64(Layout.messageIndexEntry))
    }

    /// Whether the lengths of an attachment's fields fill it. It may be large: its data is not read.
    func isAttachment(_ frame: RecordFrame) throws -> Bool {
        var place: UInt64 = 16
        for _ in 0..<2 {
            guard place + 4 <= frame.length, let size = try bytes(at: frame.contentStart + place, count: 4) else {
                return false
            }
            place += 4 + UInt64(UInt32(littleEndian: size.loadUnaligned(as: UInt32.self)))
        }
        guard place + 12 <= frame.length, let size = try bytes(at: frame.contentStart + place, count: 8) else {
            return false
        }
        return UInt64(littleEndian: size.loadUnaligned(as: UInt64.self)) == frame.length - place - 12
    }
}

/// Recognizes the message indexes that a writer puts behind a chunk.
extension SourceWindow {
    /// Whether one of the chunk's message indexes is at `offset`, compared up to the first entry or the end of the
    /// source.
    func isMessageIndex(of chunk: DecodedChunk, at offset: UInt64) throws -> Bool {
        let opening = Layout.recordHeader + 6
        let size = opening + Layout.messageIndexEntry
        guard let found = try piece(at: offset, atLeast: size, limit: size) else { return true }
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

    /// The end of the chunk's message indexes and following metadata; nil unless all of them are at `offset`.
    func endOfMessageIndexes(of chunk: DecodedChunk, from offset: UInt64) throws -> UInt64? {
        var check = MessageIndexCheck(of: chunk)
        var position = offset
        while let next = try frame(at: position), next.opcode == Opcode.messageIndex.rawValue,
            next.length <= UInt64(chunk.messageCount * Layout.messageIndexEntry + 64),
            let content = try bytes(at: next.contentStart, count: Int(next.length))
        {
            guard (try? check.add(content, allowingExtension: true))?.fits == true else { return nil }
            position = next.end
        }
        guard check.missing.isEmpty, !check.seen.isEmpty else { return nil }
        while let next = try frame(at: position), next.opcode == Opcode.metadata.rawValue, next.length <= 1 << 20 {
            position = next.end
        }
        return position
    }
}
