/// A read-ahead view of a source, limited to its size at the start.
final class SourceWindow {
    /// End of a stream that is not known yet.
    private static let unknownEnd = UInt64.max / 2

    /// Where the source ended when reading began; later growth is not read. For a stream: infinite until its end is
    /// reached.
    private(set) var end: UInt64
    let isStream: Bool
    let limits: ReadLimits
    /// Bytes before it were discarded.
    private(set) var firstKept: UInt64 = 0
    private let source: any ByteSource
    private var buffer = GrowableBuffer()
    /// Position of the buffer's first byte in the source.
    private var start: UInt64 = 0
    private let readAhead: Int

    /// - Parameter readAhead: bytes to read at once; few if only the start of a file is needed.
    init(_ source: any ByteSource, limits: ReadLimits, readAhead: Int = 1 << 17) {
        self.source = source
        self.limits = limits
        self.readAhead = readAhead
        isStream = source.isStream
        end = source.isStream ? Self.unknownEnd : source.size
    }

    /// False for a stream that may continue.
    var isEndKnown: Bool { end != Self.unknownEnd }

    /// Bytes before `offset` are no longer needed. Those of a stream cannot be read again.
    func discard(before offset: UInt64) {
        if isStream { firstKept = max(firstKept, offset) }
        source.discard(before: offset)
    }

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

    /// The bytes from `offset`, valid until the next call; nil if there are fewer than `count`, or they were discarded.
    func bytes(at offset: UInt64, count: Int) throws -> UnsafeRawBufferPointer? {
        guard offset <= end, UInt64(count) <= end - offset else { return nil }
        if offset < start || offset + UInt64(count) > start + UInt64(buffer.count) {
            guard offset >= firstKept else { return nil }
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

    /// Bytes from `offset` to the end. A stream is read to its end.
    func readRest(from offset: UInt64) throws -> UInt64 {
        var position = offset
        while isStream, !isEndKnown, let piece = try piece(at: position, atLeast: 1, limit: 1 << 17) {
            position += UInt64(piece.count)
            discard(before: position)
        }
        return end - min(offset, end)
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

/// What a reader refuses to load into memory.
package struct ReadLimits: Sendable {
    /// Bytes of one record, and of a whole summary section.
    package var maximumRecordSize: UInt64
    /// Bytes of one chunk's records, decompressed; at most 4 GiB, so that its message indexes can be written.
    package var maximumChunkSize: UInt64
    /// Number of damaged places after which reading stops.
    package var maximumDamages: Int

    /// Limits against hostile files; the defaults are those of the product.
    package init(
        maximumRecordSize: UInt64 = 1 << 30, maximumChunkSize: UInt64 = 1 << 30, maximumDamages: Int = 10_000
    ) {
        self.maximumRecordSize = maximumRecordSize
        self.maximumChunkSize = min(maximumChunkSize, UInt64(UInt32.max))
        self.maximumDamages = maximumDamages
    }
}
