@testable import MCAP

/// Corrects the checksums of a file, as far as its records can be followed, and changes nothing else.
enum ChecksumRepair {
    static func repaired(_ bytes: [UInt8]) -> [UInt8] {
        var bytes = bytes
        var position = Layout.magic.count
        var gapStart = 0
        var summaryStart: Int?
        while bytes.count - position >= Layout.recordHeader {
            let start = position + Layout.recordHeader
            let length = Int(clamping: bytes.integer(UInt64.self, at: position + 1))
            guard length <= bytes.count - start else { break }
            let content = start..<start + length
            switch bytes[position] {
            case Opcode.chunk.rawValue:
                repairChunk(&bytes, content)
                gapStart = content.upperBound
            case Opcode.marker.rawValue where length == Marker.contentSize:
                bytes.put(UInt64(position), at: start + 24)
                bytes.put(crc(bytes, gapStart..<position), at: start + 32)
                bytes.put(crc(bytes, start..<start + 36), at: start + 36)
            case Opcode.dataEnd.rawValue:
                summaryStart = content.upperBound
            case Opcode.footer.rawValue where length == Layout.footerContent:
                guard let summaryStart, bytes.integer(UInt32.self, at: start + 16) != 0 else { break }
                bytes.put(crc(bytes, summaryStart..<start + Layout.footerCovered), at: start + 16)
            default: break
            }
            position = content.upperBound
        }
        return bytes
    }

    /// Only of stored chunks: the content of a compressed one is up to zstd.
    private static func repairChunk(_ bytes: inout [UInt8], _ content: Range<Int>) {
        let crcOffset = content.lowerBound + 24
        let dataOffset = crcOffset + 16
        guard content.upperBound >= dataOffset, bytes.integer(UInt32.self, at: crcOffset + 4) == 0,
            bytes.integer(UInt32.self, at: crcOffset) != 0
        else { return }
        let size = Int(clamping: bytes.integer(UInt64.self, at: crcOffset + 8))
        guard size <= content.upperBound - dataOffset else { return }
        bytes.put(UInt64(size), at: content.lowerBound + 16)
        bytes.put(crc(bytes, dataOffset..<dataOffset + size), at: crcOffset)
    }

    private static func crc(_ bytes: [UInt8], _ range: Range<Int>) -> UInt32 {
        bytes.withUnsafeBytes { CRC32.of(UnsafeRawBufferPointer(rebasing: $0[range])) }
    }
}

extension [UInt8] {
    fileprivate func integer<T: FixedWidthInteger & BitwiseCopyable>(_ type: T.Type, at offset: Int) -> T {
        withUnsafeBytes { T(littleEndian: $0.loadUnaligned(fromByteOffset: offset, as: type)) }
    }

    fileprivate mutating func put(_ value: some FixedWidthInteger & BitwiseCopyable, at offset: Int) {
        withUnsafeMutableBytes { $0.storeBytes(of: value.littleEndian, toByteOffset: offset, as: type(of: value)) }
    }
}
