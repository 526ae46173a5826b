#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

/// A place in damaged bytes where reading may be able to continue.
struct Landmark {
    enum Kind: CaseIterable {
        /// The opcode and the length of a marker.
        case marker
        /// The magic bytes at the start of an MCAP file.
        case magic
        /// The opcode of a chunk with a plausible length.
        case chunk

        fileprivate var firstByte: UInt8 {
            switch self {
            case .marker: Opcode.marker.rawValue
            case .magic: Layout.magic[0]
            case .chunk: Opcode.chunk.rawValue
            }
        }
    }

    let kind: Kind
    let offset: UInt64

    /// Bytes needed to recognize one.
    static let size = Layout.recordHeader
    /// Bytes searched at a time.
    static let pieceSize = 1 << 16

    /// The landmarks that begin in `bytes`, ascending, if their first nine bytes are included.
    ///
    /// - Parameter offset: position of `bytes` in the source.
    static func find(
        _ kinds: some Sequence<Kind>, in bytes: UnsafeRawBufferPointer, at offset: UInt64
    ) -> [Landmark] {
        var found: [Landmark] = []
        guard let base = bytes.baseAddress, bytes.count >= size else { return found }
        let last = bytes.count - size
        for kind in kinds {
            var position = 0
            while position <= last,
                let hit = memchr(base + position, Int32(kind.firstByte), last - position + 1)
            {
                position = base.distance(to: UnsafeRawPointer(hit))
                if matches(kind, bytes, position) {
                    found.append(Landmark(kind: kind, offset: offset + UInt64(position)))
                }
                position += 1
            }
        }
        found.sort { $0.offset < $1.offset }
        return found
    }

    private static func matches(_ kind: Kind, _ bytes: UnsafeRawBufferPointer, _ position: Int) -> Bool {
        let length = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: position + 1, as: UInt64.self))
        switch kind {
        case .marker: return length == UInt64(Marker.contentSize)
        case .magic: return bytes[position..<position + Layout.magic.count].elementsEqual(Layout.magic)
        case .chunk: return length >= UInt64(Layout.chunkHeader) && length < 1 << 40
        }
    }
}
