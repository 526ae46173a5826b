/// Supplies bytes to a reader, usually from a file.
package protocol ByteSource {
    /// Current number of bytes. Grows while the file is written.
    var size: UInt64 { get }

    /// Fills `buffer` with the bytes from `offset` on.
    ///
    /// - Returns: the number of bytes read, fewer than requested only at the end of the source.
    func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws -> Int

    /// The same, but may return once `count` bytes are available. Makes a difference for streams only.
    func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer, atLeast count: Int) throws -> Int

    /// True if the bytes arrive sequentially, as from a pipe: `size` is unknown before the end.
    var isStream: Bool { get }

    /// Bytes before `offset` are not read again, so a stream may discard them.
    func discard(before offset: UInt64)

    /// CRC-32 of the bytes before `offset`, if the source computed it because it cannot read them again.
    func checksum(before offset: UInt64) -> UInt32?
}

extension ByteSource {
    /// False by default: a file of known size.
    package var isStream: Bool { false }

    /// Fills the whole buffer: a file has its bytes at once.
    package func read(
        at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer, atLeast count: Int
    ) throws -> Int {
        try read(at: offset, into: buffer)
    }

    /// Does nothing by default.
    package func discard(before offset: UInt64) {}

    /// nil by default: the reader computes the checksum.
    package func checksum(before offset: UInt64) -> UInt32? { nil }
}

/// A source in memory.
package struct MemorySource: ByteSource {
    private let bytes: [UInt8]

    /// A file that is in memory as a whole.
    package init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    /// Bytes in memory.
    package var size: UInt64 { UInt64(bytes.count) }

    /// Copies from memory; 0 behind the end.
    package func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) -> Int {
        guard offset < size else { return 0 }
        let start = Int(offset)
        let count = min(buffer.count, bytes.count - start)
        bytes.withUnsafeBytes { buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[start..<start + count])) }
        return count
    }
}

/// Bytes that arrive sequentially, as from a pipe. Bytes not yet discarded can be read again.
///
/// Not thread-safe.
package final class StreamSource: ByteSource {
    /// Fills a part of the buffer, at least one byte; 0 at the end.
    package typealias Pull = (UnsafeMutableRawBufferPointer) throws -> Int

    /// Bytes that arrived and were not discarded.
    private var kept = GrowableBuffer()
    /// Index in `kept` of the first byte not discarded.
    private var first = 0
    /// Its position in the stream.
    private var start: UInt64 = 0
    /// CRC of all bytes before `start`.
    private var discardedCRC = CRC32()
    private var hasEnded = false
    private let pull: Pull

    /// - Parameter pull: fills the buffer as far as it can and returns how many bytes it wrote; 0 at the end.
    package init(_ pull: @escaping Pull) {
        self.pull = pull
    }

    /// Bytes come once, in order.
    package var isStream: Bool { true }

    /// Bytes in memory.
    var keptCount: Int { kept.count }

    /// Bytes that arrived so far.
    package var size: UInt64 { start + UInt64(kept.count - first) }

    /// Reads on as far as needed and keeps what it read, until ``discard(before:)``.
    package func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws -> Int {
        try read(at: offset, into: buffer, atLeast: buffer.count)
    }

    /// Waits until `count` bytes have arrived, and copies what is there.
    ///
    /// - Precondition: `offset` is not before the last ``discard(before:)``.
    package func read(
        at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer, atLeast count: Int
    ) throws -> Int {
        precondition(offset >= start, "the bytes before \(start) are gone")
        let wanted = offset + UInt64(min(count, buffer.count))
        while size < wanted, !hasEnded { try receive() }
        guard offset < size else { return 0 }
        let position = first + Int(offset - start)
        let available = min(buffer.count, kept.count - position)
        buffer.copyMemory(from: kept.bytes(in: position..<position + available))
        return available
    }

    /// Lets go of what was kept before this offset; it cannot be read again.
    package func discard(before offset: UInt64) {
        guard offset > start else { return }
        let count = Int(min(offset - start, UInt64(kept.count - first)))
        discardedCRC.update(kept.bytes(in: first..<first + count))
        first += count
        start += UInt64(count)
        if first > Memory.keptAtMost / 4, first > kept.count / 2 { compact() }
    }

    /// CRC-32 of all bytes before the offset; nil where it was discarded already, or is not read yet.
    package func checksum(before offset: UInt64) -> UInt32? {
        guard offset >= start, offset <= size else { return nil }
        var crc = discardedCRC
        crc.update(kept.bytes(in: first..<first + Int(offset - start)))
        return crc.value
    }

    private func receive() throws {
        let room = 1 << 16
        let target = UnsafeMutableRawBufferPointer(start: kept.extend(by: room), count: room)
        kept.truncate(to: kept.count - room)
        let count = try pull(target)
        precondition(count >= 0 && count <= room)
        if count == 0 { hasEnded = true } else { _ = kept.extend(by: count) }
    }

    private func compact() {
        let left = kept.count - first
        kept.base.copyMemory(from: kept.base + first, byteCount: left)
        kept.truncate(to: left)
        first = 0
    }
}
