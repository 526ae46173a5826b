#if canImport(Glibc)
    import Glibc
#elseif canImport(Musl)
    import Musl
#endif

extension SourceWindow {
    /// The marker that stands at `offset`, whatever opcode and length are in front of it; nil unless it is valid there.
    func marker(at offset: UInt64) throws -> Marker? {
        let contentStart = offset + UInt64(Layout.recordHeader)
        guard let content = try bytes(at: contentStart, count: Marker.contentSize) else { return nil }
        return Marker(content: content, at: offset)
    }

    /// Where the first valid marker stands at or after `offset`; nil if none does.
    ///
    /// - Parameter sync: of the file, once it is known: markers of other files do not count.
    func nextMarker(from offset: UInt64, sync: SyncMarker?) throws -> UInt64? {
        let pieceSize: UInt64 = 1 << 16
        var offset = offset
        while offset < end, end - offset >= UInt64(Marker.recordSize) {
            let count = Int(min(end - offset, pieceSize))
            guard let piece = try bytes(at: offset, count: count) else { return nil }
            guard let hit = Self.firstMarkerOpening(in: piece) else {
                // One may begin in the last bytes of this piece.
                offset += UInt64(max(count - Layout.recordHeader + 1, 1))
                continue
            }
            offset += UInt64(hit)
            if let marker = try marker(at: offset), sync == nil || marker.sync == sync { return offset }
            offset += 1
        }
        return nil
    }

    /// Where the opcode and the length of a marker first stand in `bytes`.
    private static func firstMarkerOpening(in bytes: UnsafeRawBufferPointer) -> Int? {
        guard let base = bytes.baseAddress else { return nil }
        var position = 0
        while position + Layout.recordHeader <= bytes.count {
            let searched = bytes.count - position - Layout.recordHeader + 1
            guard let hit = memchr(base + position, Int32(Opcode.marker.rawValue), searched) else { return nil }
            position = base.distance(to: UnsafeRawPointer(hit))
            let length = UInt64(littleEndian: bytes.loadUnaligned(fromByteOffset: position + 1, as: UInt64.self))
            if length == UInt64(Marker.contentSize) { return position }
            position += 1
        }
        return nil
    }
}
