/// A read-ahead view of a source, limited to its size at the start.
final class SourceWindow {
    /// End of a stream that is not known yet.
    private static let unknownEnd = UInt64.max / 2

    /// Where the source ended when reading began; later growth is not read. For a stream: infinite until its end is
    /// reached.
    private(set) var end: UInt64
    let isStream: Bool
    private let source: any ByteSource
    private var buffer = GrowableBuffer()
    /// Position of the buffer's first byte in the source.
    private var start: UInt64 = 0
    private let readAhead: Int

    /// - Parameter readAhead: bytes to read at once; few if only the start of a file is needed.
    init(_ source: any ByteSource, readAhead: Int = 1 << 17) {
        self.source = source
        self.readAhead = readAhead
        isStream = source.isStream
        end = source.isStream ? Self.unknownEnd : source.size
    }

    /// False for a stream that may continue.
    var isEndKnown: Bool { end != Self.unknownEnd }

    /// Bytes before `offset` are no longer needed.
    func discard(before offset: UInt64) { source.discard(before: offset) }

    /// CRC-32 of all bytes before `offset`; nil if they can be read again.
    func checksum(before offset: UInt64) -> UInt32? { source.checksum(before: offset) }

    /// True if the bytes, or their absence, are known without waiting.
    func isAtHand(_ offset: UInt64, count: Int) -> Bool {
        !isStream || isEndKnown || (offset >= start && offset + UInt64(count) <= start + UInt64(buffer.count))
    }

    /// True if there is no byte at or after `offset`.
    func isEnd(_ offset: UInt64) throws -> Bool {
        guard isStream, !isEndKnown else { return offset >= end }
        return try bytes(at: offset, count: 1) == nil
    }

    /// The bytes from `offset` that are immediately available, at most `limit`; fewer than `count` only at the end, nil
    /// after it. Valid until the next call.
    func piece(at offset: UInt64, atLeast count: Int, limit: Int) throws -> UnsafeRawBufferPointer? {
        if try bytes(at: offset, count: count) == nil {
            guard offset < end, let rest = try bytes(at: offset, count: Int(end - offset)) else { return nil }
            return rest
        }
        let first = Int(offset - start)
        return buffer.bytes(in: first..<min(buffer.count, first + limit))
    }

    /// The bytes from `offset`, valid until the next call; nil if there are fewer than `count`.
    func bytes(at offset: UInt64, count: Int) throws -> UnsafeRawBufferPointer? {
        guard offset <= end, UInt64(count) <= end - offset else { return nil }
        if offset < start || offset + UInt64(count) > start + UInt64(buffer.count) {
            try fill(from: offset, count: count)
        }
        let first = Int(offset - start)
        guard buffer.count - first >= count else { return nil }
        return buffer.bytes(in: first..<first + count)
    }

    /// Appends the bytes from `offset` to `target`; false if there are fewer than `count`.
    func append(at offset: UInt64, count: Int, to target: inout GrowableBuffer) throws -> Bool {
        guard offset <= end, UInt64(count) <= end - offset else { return false }
        let destination = target.extend(by: count)
        var copied = 0
        if offset >= start, offset < start + UInt64(buffer.count) {
            let first = Int(offset - start)
            copied = min(count, buffer.count - first)
            destination.copyMemory(from: buffer.base + first, byteCount: copied)
        }
        let rest = UnsafeMutableRawBufferPointer(start: destination + copied, count: count - copied)
        if rest.isEmpty { return true }
        let read = try source.read(at: offset + UInt64(copied), into: rest)
        if read < rest.count, isStream { end = offset + UInt64(copied + max(read, 0)) }
        return read == rest.count
    }

    /// Passes all bytes of `range` to `body`, piece by piece; false if there are fewer.
    func forEachPiece(in range: Range<UInt64>, _ body: (UnsafeRawBufferPointer) -> Void) throws -> Bool {
        var offset = range.lowerBound
        while offset < range.upperBound {
            let count = Int(min(range.upperBound - offset, UInt64(readAhead)))
            guard let piece = try bytes(at: offset, count: count) else { return false }
            body(piece)
            offset += UInt64(count)
        }
        return true
    }

    private func fill(from offset: UInt64, count: Int) throws {
        buffer.truncate(to: 0)
        start = offset
        let wanted = Int(min(UInt64(max(count, readAhead)), end - offset))
        let target = UnsafeMutableRawBufferPointer(start: buffer.extend(by: wanted), count: wanted)
        // If the source throws, the buffer must be empty, not garbage.
        buffer.truncate(to: 0)
        let read = try source.read(at: offset, into: target, atLeast: count)
        _ = buffer.extend(by: min(read, wanted))
        if isStream, read < count { end = offset + UInt64(max(read, 0)) }
    }
}

/// Decides whether the end of a record is real: a valid record must follow it.
extension SourceWindow {
    /// Limit for records that are read for this. Messages, attachments and message indexes may be larger.
    private static let readAtMost: UInt64 = 1 << 20
    /// A stream would have to be awaited.
    private static let awaitedAtMost: UInt64 = 1 << 24

    /// Whether a valid record of the data or the summary, or the end, is at `offset`.
    ///
    /// - Parameter allowingMessages: false if messages and their descriptions would be the rest of a chunk.
    func isOrderlyRecord(at offset: UInt64, limits: ReadLimits, allowingMessages: Bool) throws -> Bool {
        if try isEnd(offset) { return true }
        guard let header = try bytes(at: offset, count: Layout.recordHeader) else { return false }
        if header[0] == Layout.magic[0] { return try isFileStart(at: offset) }
        guard let opcode = Opcode(rawValue: header[0]) else { return false }
        let isOfMessages = opcode == .message || opcode == .channel || opcode == .schema
        if isOfMessages, !allowingMessages { return false }
        if isCutOff(header, at: offset) { return true }
        if opcode == .chunk { return try claimOfChunk(at: offset, limits: limits) != nil }
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

/// Checks the framing of compressed records without decompressing: whether they are complete, and how much they may
/// contain.
extension SourceWindow {
    private static let zstdMagic: UInt32 = 0xFD2F_B528
    private static let lz4Magic: UInt32 = 0x184D_2204
    /// Of one zstd block, uncompressed.
    private static let zstdBlock: UInt64 = 1 << 17

    private func littleEndian(at offset: UInt64, count: Int) throws -> UInt64? {
        guard let bytes = try bytes(at: offset, count: count) else { return nil }
        return bytes.reversed().reduce(0) { $0 << 8 | UInt64($1) }
    }

    /// Whether the frames in `range` fill it and may contain `size` bytes. See RFC 8878, 3.1.1.
    func mayBeZstd(_ range: Range<UInt64>, size: UInt64) throws -> Bool {
        var (position, bound, isKnown) = (range.lowerBound, UInt64(0), true)
        while position < range.upperBound {
            guard try littleEndian(at: position, count: 4) == UInt64(Self.zstdMagic),
                let descriptor = try littleEndian(at: position + 4, count: 1)
            else { return false }
            let isSingle = descriptor & 0x20 != 0
            let sizeBytes: UInt64 = descriptor >> 6 == 0 ? (isSingle ? 1 : 0) : 1 << (descriptor >> 6)
            let dictionary: UInt64 = [0, 1, 2, 4][Int(descriptor & 3)]
            let place = position + 5 + (isSingle ? 0 : 1) + dictionary
            var content: UInt64?
            if sizeBytes > 0 {
                guard let said = try littleEndian(at: place, count: Int(sizeBytes)) else { return false }
                content = sizeBytes == 2 ? said + 256 : said
            }
            position = place + sizeBytes
            var (isLast, held) = (false, UInt64(0))
            while !isLast {
                guard position + 3 <= range.upperBound, let header = try littleEndian(at: position, count: 3) else {
                    return false
                }
                isLast = header & 1 != 0
                let (kind, count) = (header >> 1 & 3, header >> 3)
                guard kind != 3, count <= Self.zstdBlock else { return false }
                held &+= kind == 2 ? Self.zstdBlock : count
                position += 3 + (kind == 1 ? 1 : count)
            }
            if descriptor & 4 != 0 { position += 4 }
            isKnown = isKnown && content != nil
            guard content.map({ $0 <= held }) ?? true else { return false }
            bound &+= content ?? held
        }
        return position == range.upperBound && (isKnown ? bound == size : bound >= size)
    }

    /// The same for lz4 frames. See lz4_Frame_format.md.
    func mayBeLZ4(_ range: Range<UInt64>, size: UInt64) throws -> Bool {
        var (position, bound) = (range.lowerBound, UInt64(0))
        while position < range.upperBound {
            guard try littleEndian(at: position, count: 4) == UInt64(Self.lz4Magic),
                let flags = try littleEndian(at: position + 4, count: 2), flags >> 6 & 3 == 1
            else { return false }
            let block = UInt64(1) << (8 + 2 * (flags >> 12 & 7))
            position += 7 + (flags & 8 != 0 ? 8 : 0) + (flags & 1 != 0 ? 4 : 0)
            while true {
                guard position + 4 <= range.upperBound, let header = try littleEndian(at: position, count: 4) else {
                    return false
                }
                position += 4
                if header == 0 { break }
                position += header & 0x7FFF_FFFF + (flags & 16 != 0 ? 4 : 0)
                bound &+= block
            }
            if flags & 4 != 0 { position += 4 }
        }
        return position == range.upperBound && bound >= size
    }
}
