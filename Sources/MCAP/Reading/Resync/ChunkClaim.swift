/// The claims of a chunk header.
struct ChunkClaim {
    enum Packing { case stored, zstd, lz4 }

    let packing: Packing
    /// Position of its records.
    let data: Range<UInt64>
    /// Bytes of its records uncompressed.
    let size: UInt64
    let crc: UInt32

    var end: UInt64 { data.upperBound }
}

extension SourceWindow {
    /// The header of the chunk at `offset`, possibly beyond the end of the source; nil unless it is consistent.
    func claimOfChunk(at offset: UInt64, allowingOddTimes: Bool = false) throws -> ChunkClaim? {
        let most = Layout.recordHeader + Layout.chunkHeader + 4 + 4
        guard let opening = try bytes(at: offset, count: Layout.recordHeader + Layout.chunkHeader),
            opening[0] == Opcode.chunk.rawValue
        else { return nil }
        func load(_ place: Int) -> UInt64 {
            UInt64(littleEndian: opening.loadUnaligned(fromByteOffset: place, as: UInt64.self))
        }
        let (length, start, end, size) = (load(1), load(9), load(17), load(25))
        let crc = UInt32(littleEndian: opening.loadUnaligned(fromByteOffset: 33, as: UInt32.self))
        let nameSize = UInt32(littleEndian: opening.loadUnaligned(fromByteOffset: 37, as: UInt32.self))
        guard length >= UInt64(Layout.chunkHeader), length <= limits.maximumRecordSize,
            size <= limits.maximumChunkSize, start <= end || allowingOddTimes,
            nameSize == 0 || nameSize == 3 || nameSize == 4
        else { return nil }
        // The records and their length after the name must fill the rest.
        guard let all = try bytes(at: offset, count: min(most, Layout.recordHeader + Int(length))) else { return nil }
        let lengthPlace = 41 + Int(nameSize)
        guard all.count >= lengthPlace + 8 else { return nil }
        let dataSize = UInt64(littleEndian: all.loadUnaligned(fromByteOffset: lengthPlace, as: UInt64.self))
        guard dataSize == length - UInt64(Layout.chunkHeader) - UInt64(nameSize) else { return nil }
        let name = all[41..<lengthPlace]
        let packing: ChunkClaim.Packing? =
            if nameSize == 0 { dataSize == size ? .stored : nil } else if name.elementsEqual("zstd".utf8) {
                .zstd
            } else { name.elementsEqual("lz4".utf8) ? .lz4 : nil }
        let dataStart = offset + UInt64(lengthPlace + 8)
        return packing.map { ChunkClaim(packing: $0, data: dataStart..<dataStart + dataSize, size: size, crc: crc) }
    }

    /// Whether the chunk may be intact, checked without loading it.
    func mayBeWhole(_ claim: ChunkClaim) throws -> Bool {
        switch claim.packing {
        case .zstd: return try mayBeZstd(claim.data, size: claim.size)
        case .lz4: return try mayBeLZ4(claim.data, size: claim.size)
        case .stored:
            guard claim.crc != 0 else { return true }
            var crc = CRC32()
            return try forEachPiece(in: claim.data) { crc.update($0) } && crc.value == claim.crc
        }
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
