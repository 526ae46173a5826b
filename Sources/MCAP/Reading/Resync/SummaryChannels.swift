#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// The channels in the summary of another program's file.
///
/// Other programs describe a channel in the first chunk that needs it, and again in the summary: if that chunk is
/// damaged, the others are read with the summary.
enum SummaryChannels {
    private static let searchedTail: UInt64 = 1 << 24
    private static let candidates = 64

    /// The summary follows the end of the data, which may have moved: it is searched backwards from the end of the
    /// file.
    ///
    /// - Returns: none if there is no intact summary.
    static func find(in window: SourceWindow) throws -> [Channel] {
        let footerSize = UInt64(Layout.recordHeader + Layout.footerContent)
        let tailSize = footerSize + UInt64(Layout.magic.count)
        guard window.end >= tailSize, let tail = try window.bytes(at: window.end - tailSize, count: Int(tailSize)),
            tail[0] == Opcode.footer.rawValue, tail.suffix(Layout.magic.count).elementsEqual(Layout.magic)
        else { return [] }
        let footerStart = window.end - tailSize
        let covered = UnsafeRawBufferPointer(
            rebasing: tail[Layout.recordHeader..<Layout.recordHeader + Layout.footerContent])
        guard let footer = try? Footer(content: covered) else { return [] }
        let start = footerStart - min(footerStart, searchedTail)
        guard let bytes = try window.bytes(at: start, count: Int(footerStart - start)) else { return [] }
        let ends = dataEnds(in: bytes)
        for end in ends {
            if let channels = try channels(in: window, from: start + UInt64(end), footer, at: footerStart) {
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
    private static func channels(
        in window: SourceWindow, from start: UInt64, _ footer: Footer, at footerStart: UInt64
    ) throws -> [Channel]? {
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
