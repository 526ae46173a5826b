/// Where a reader takes its bytes from: usually a file.
public protocol ByteSource {
    /// Bytes there are now. May grow while the file is written.
    var size: UInt64 { get }

    /// Fills `buffer` with the bytes from `offset` on.
    ///
    /// - Returns: how many bytes were read; fewer than asked for only at the end of the source.
    func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws -> Int
}

/// A file's bytes that are in memory.
public struct MemorySource: ByteSource {
    private let bytes: [UInt8]

    public init(_ bytes: [UInt8]) {
        self.bytes = bytes
    }

    public var size: UInt64 { UInt64(bytes.count) }

    public func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) -> Int {
        guard offset < size else { return 0 }
        let start = Int(offset)
        let count = min(buffer.count, bytes.count - start)
        bytes.withUnsafeBytes { buffer.copyMemory(from: UnsafeRawBufferPointer(rebasing: $0[start..<start + count])) }
        return count
    }
}
