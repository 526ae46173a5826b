#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// Other programs describe a channel in the first chunk that needs it, and again in the summary: if that chunk is
/// damaged, the others are read with the summary.
extension MCAPStreamReader {
    private static let searchedTail: UInt64 = 1 << 24
    private static let candidates = 64

    /// Decodes the chunk in `frame`, with channels from the summary if needed.
    func decodeChunk(_ frame: RecordFrame, channels: inout ChannelTable) throws -> (
        chunk: DecodedChunk, timesDiffer: Bool
    ) {
        do {
            return try decoder.decode(frame, from: window, channels: &channels, allowingExtension: !isMarked)
        } catch let fault as RecordFault {
            guard case .unknownChannel = fault.reason, try learnFromSummary(&channels) else { throw fault }
            return try decoder.decode(frame, from: window, channels: &channels, allowingExtension: !isMarked)
        }
    }

    /// - Returns: whether anything new was found.
    private func learnFromSummary(_ channels: inout ChannelTable) throws -> Bool {
        guard !isMarked, !window.isStream, files.count == 1 else { return false }
        if summaryChannels == nil { summaryChannels = try channelsOfSummary() }
        var isNew = false
        for channel in summaryChannels ?? [] where channels.byID[channel.id] == nil {
            try channels.add(channel)
            isNew = true
        }
        return isNew
    }

    /// The summary follows the end of the data, which may have moved: it is searched backwards from the end of the
    /// file.
    private func channelsOfSummary() throws -> [Channel] {
        let footerSize = UInt64(Layout.recordHeader + Layout.footerContent)
        let tailSize = footerSize + UInt64(Layout.magic.count)
        guard window.end >= tailSize, let tail = try window.bytes(at: window.end - tailSize, count: Int(tailSize)),
            tail[0] == Opcode.footer.rawValue, tail.suffix(Layout.magic.count).elementsEqual(Layout.magic)
        else { return [] }
        let footerStart = window.end - tailSize
        let covered = UnsafeRawBufferPointer(
            rebasing: tail[Layout.recordHeader..<Layout.recordHeader + Layout.footerContent])
        guard let footer = try? Footer(content: covered) else { return [] }
        let start = footerStart - min(footerStart, Self.searchedTail)
        guard let bytes = try window.bytes(at: start, count: Int(footerStart - start)) else { return [] }
        let ends = Self.dataEnds(in: bytes)
        for end in ends {
            if let channels = try channels(inSummaryAt: start + UInt64(end), footer, at: footerStart) {
                return channels
            }
        }
        return []
    }

    /// Ends of possible data end records, last first.
    private static func dataEnds(in bytes: UnsafeRawBufferPointer) -> [Int] {
        var found: [Int] = []
        let size = Layout.recordHeader + Layout.dataEndContent
        guard let base = bytes.baseAddress, bytes.count >= size else { return found }
        var position = 0
        while position <= bytes.count - size,
            let hit = memchr(base + position, Int32(Opcode.dataEnd.rawValue), bytes.count - size - position + 1)
        {
            position = base.distance(to: UnsafeRawPointer(hit))
            let length = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: position + 1, as: UInt64.self))
            if length == UInt64(Layout.dataEndContent) { found.append(position + size) }
            position += 1
        }
        return found.suffix(candidates).reversed()
    }

    /// nil unless the records from `start` lead to the footer and match its CRC.
    private func channels(inSummaryAt start: UInt64, _ footer: Footer, at footerStart: UInt64) throws -> [Channel]? {
        var channels: [Channel] = []
        var position = start
        while position < footerStart {
            guard let frame = try window.frame(at: position), frame.end <= footerStart else { return nil }
            if frame.opcode == Opcode.channel.rawValue,
                let content = try window.bytes(at: frame.contentStart, count: Int(frame.length))
            {
                guard let channel = try? Channel(content: content) else { return nil }
                channels.append(channel)
            }
            position = frame.end
        }
        var crc = CRC32()
        let end = footerStart + UInt64(Layout.recordHeader + Layout.footerCovered)
        guard try window.forEachPiece(in: start..<end, { crc.update($0) }) else { return nil }
        return footer.summaryCRC == 0 || crc.value == footer.summaryCRC ? channels : nil
    }
}

/// The channels described so far, with their schemas.
struct ChannelTable {
    private(set) var byID: [UInt16: Channel] = [:]
    /// In order of first appearance.
    private(set) var ids: [UInt16] = []

    /// Used only when they are written again: a broken schema does not affect messages.
    private(set) var schemas: [UInt16: Schema] = [:]

    var inOrder: [Channel] { ids.compactMap { byID[$0] } }

    mutating func add(_ schema: Schema) { schemas[schema.id] = schema }

    mutating func add(_ channel: Channel) throws(RecordFault) {
        if let known = byID[channel.id] {
            guard known == channel else { throw RecordFault(reason: .channelConflict(channel.id), framingHolds: true) }
        } else {
            byID[channel.id] = channel
            ids.append(channel.id)
        }
    }
}
