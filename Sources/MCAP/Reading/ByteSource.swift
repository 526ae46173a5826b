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
    /// A file of known size unless the source says otherwise.
    package var isStream: Bool { false }

    package func read(
        at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer, atLeast count: Int
    ) throws -> Int {
        try read(at: offset, into: buffer)
    }

    /// Nothing is held, so nothing is let go.
    package func discard(before offset: UInt64) {}

    /// Not known: the reader computes it.
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
