/// A read-ahead view of a source, as large as the source was at first.
final class SourceWindow {
    /// Where the source ended when reading began. What it grew by since is not read.
    let end: UInt64
    private let source: any ByteSource
    private var buffer = GrowableBuffer()
    /// Where the buffer's first byte stands in the source.
    private var start: UInt64 = 0
    private let readAhead: Int

    /// - Parameter readAhead: bytes to read at once; few where only the start of a file is wanted.
    init(_ source: any ByteSource, readAhead: Int = 1 << 17) {
        self.source = source
        self.readAhead = readAhead
        end = source.size
    }

    /// The bytes from `offset` on, valid until the next call; nil if the source has not that many.
    func bytes(at offset: UInt64, count: Int) throws -> UnsafeRawBufferPointer? {
        guard offset <= end, UInt64(count) <= end - offset else { return nil }
        if offset < start || offset + UInt64(count) > start + UInt64(buffer.count) {
            try fill(from: offset, count: count)
        }
        let first = Int(offset - start)
        guard buffer.count - first >= count else { return nil }
        return buffer.bytes(in: first..<first + count)
    }

    /// Appends the bytes from `offset` on to `target`; false if the source has not that many.
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
        return try rest.isEmpty || source.read(at: offset + UInt64(copied), into: rest) == rest.count
    }

    /// Passes all bytes of `range` to `body`, piece by piece; false if the source has not that many.
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
        // Should the source throw, the buffer holds nothing rather than rubbish.
        buffer.truncate(to: 0)
        let read = try source.read(at: offset, into: target)
        _ = buffer.extend(by: min(read, wanted))
    }
}
