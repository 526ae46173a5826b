/// Splits an input: some leading bytes decide how the rest is used.
public struct InputReader {
    private let bytes: UnsafeRawBufferPointer
    private var position = 0

    public init(_ start: UnsafePointer<UInt8>?, _ count: Int) {
        bytes = UnsafeRawBufferPointer(start: start, count: count)
    }

    public var remaining: Int { bytes.count - position }

    /// The next byte; 0 at the end.
    public mutating func byte() -> UInt8 {
        guard position < bytes.count else { return 0 }
        defer { position += 1 }
        return bytes[position]
    }

    public mutating func uint16() -> UInt16 {
        let low = byte()
        return UInt16(low) | UInt16(byte()) << 8
    }

    /// The next bytes, fewer at the end.
    public mutating func bytes(_ count: Int) -> UnsafeRawBufferPointer {
        let taken = min(count, remaining)
        defer { position += taken }
        return UnsafeRawBufferPointer(rebasing: bytes[position..<position + taken])
    }

    /// All remaining bytes.
    public mutating func rest() -> UnsafeRawBufferPointer { bytes(remaining) }
}
