/// Our private record: a position where a reader can continue after damage.
///
/// A marker is written after the leading metadata, before each chunk, and before the data end of a closed file. It is
/// validated by its own CRC. It contains its original offset, so a reader that finds it elsewhere knows by how much the
/// surrounding bytes moved.
package struct Marker: Equatable, Sendable {
    /// The same in all markers of a file.
    package var sync: SyncMarker
    /// Number of the marker in the file, from 0.
    package var ordinal: UInt64
    /// Original offset of the marker's opcode, in bytes from the start of the file.
    package var offset: UInt64
    /// CRC-32 of all bytes since the end of the previous chunk record, or since the start of the file.
    package var precedingCRC: UInt32

    static let contentSize = 40
    static let recordSize = Layout.recordHeader + contentSize
    private static let coveredSize = contentSize - 4

    func encode(into buffer: inout GrowableBuffer) {
        buffer.appendRecord(.marker) {
            let start = $0.count
            $0.append(sync.first)
            $0.append(sync.second)
            $0.append(ordinal)
            $0.append(offset)
            $0.append(precedingCRC)
            $0.append(CRC32.of($0.bytes(in: start..<$0.count)))
        }
    }
}

extension Marker {
    /// The marker in `content`; nil unless it is forty bytes with a matching CRC.
    init?(content: UnsafeRawBufferPointer) {
        guard content.count == Marker.contentSize else { return nil }
        func load<T: FixedWidthInteger & BitwiseCopyable>(_ offset: Int, _ type: T.Type) -> T {
            T(littleEndian: content.loadUnaligned(fromByteOffset: offset, as: type))
        }
        let covered = UnsafeRawBufferPointer(rebasing: content[..<Marker.coveredSize])
        guard load(Marker.coveredSize, UInt32.self) == CRC32.of(covered) else { return nil }
        sync = SyncMarker(first: load(0, UInt64.self), second: load(8, UInt64.self))
        ordinal = load(16, UInt64.self)
        offset = load(24, UInt64.self)
        precedingCRC = load(32, UInt32.self)
    }
}

/// Sixteen random bytes, the same in all markers of a file and in no other file.
///
/// Without knowing them, a marker cannot be forged in recorded data.
package struct SyncMarker: Hashable, Sendable {
    /// The first eight bytes, read as a little-endian number.
    package var first: UInt64
    /// The other eight bytes, read as a little-endian number.
    package var second: UInt64

    /// The marker of an existing file: all markers of a file must be the same.
    package init(first: UInt64, second: UInt64) {
        self.first = first
        self.second = second
    }

    /// For a new file: from the random numbers of the system.
    package static func random() -> SyncMarker {
        SyncMarker(first: .random(in: .min ... .max), second: .random(in: .min ... .max))
    }
}
