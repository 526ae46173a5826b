import Testing

@testable import MCAP

/// Literal bytes from the MCAP specification.
@Suite struct RecordBytesTests {
    private func bytes(_ encode: (inout GrowableBuffer) -> Void) -> [UInt8] {
        var buffer = GrowableBuffer()
        encode(&buffer)
        return Array(buffer.bytes)
    }

    /// The content of a record, after opcode and length.
    private func content(_ record: [UInt8]) -> [UInt8] { Array(record.dropFirst(9)) }

    @Test func header() throws {
        let header = Header(profile: "p", library: "lib")
        let expected: [UInt8] = [1, 12, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0x70, 3, 0, 0, 0, 0x6C, 0x69, 0x62]
        #expect(bytes(header.encode(into:)) == expected)
        #expect(try content(expected).withUnsafeBytes { try Header(content: $0) } == header)
    }

    @Test func channel() throws {
        let channel = Channel(id: 0x0102, topic: "t", messageEncoding: "e", metadata: ["k": "v"])
        let expected: [UInt8] =
            [4, 28, 0, 0, 0, 0, 0, 0, 0, 2, 1, 0, 0, 1, 0, 0, 0, 0x74, 1, 0, 0, 0, 0x65]
            + [10, 0, 0, 0, 1, 0, 0, 0, 0x6B, 1, 0, 0, 0, 0x76]
        #expect(bytes(channel.encode(into:)) == expected)
        #expect(try content(expected).withUnsafeBytes { try Channel(content: $0) } == channel)
    }

    @Test func metadataIsSortedByKey() throws {
        let metadata = Metadata(name: "m", entries: ["b": "2", "a": "", "c": "3"])
        let expected: [UInt8] =
            [12, 38, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0x6D, 29, 0, 0, 0, 1, 0, 0, 0, 0x61, 0, 0, 0, 0]
            + [1, 0, 0, 0, 0x62, 1, 0, 0, 0, 0x32, 1, 0, 0, 0, 0x63, 1, 0, 0, 0, 0x33]
        #expect(bytes(metadata.encode(into:)) == expected)
        #expect(
            try content(expected).withUnsafeBytes { try Metadata(content: $0, allowingExtension: false) } == metadata)
    }

    @Test func metadataIndex() throws {
        let index = MetadataIndex(offset: 0x1234, length: 9, name: "m")
        let expected: [UInt8] = [
            13, 21, 0, 0, 0, 0, 0, 0, 0, 0x34, 0x12, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0x6D,
        ]
        #expect(bytes(index.encode(into:)) == expected)
        #expect(try content(expected).withUnsafeBytes { try MetadataIndex(content: $0) } == index)
    }

    @Test func chunkIndex() throws {
        let index = ChunkIndex(
            startTime: 1, endTime: 2, offset: 3, length: 4, messageIndexOffsets: [9: 6, 5: 5], messageIndexLength: 7,
            compression: "zstd", compressedSize: 8, uncompressedSize: 9)
        func u64(_ value: UInt8) -> [UInt8] { [value, 0, 0, 0, 0, 0, 0, 0] }
        let expected: [UInt8] =
            [8, 88, 0, 0, 0, 0, 0, 0, 0] + u64(1) + u64(2) + u64(3) + u64(4)
            + [20, 0, 0, 0, 5, 0] + u64(5) + [9, 0] + u64(6) + u64(7)
            + [4, 0, 0, 0, 0x7A, 0x73, 0x74, 0x64] + u64(8) + u64(9)
        #expect(bytes(index.encode(into:)) == expected)
        #expect(try content(expected).withUnsafeBytes { try ChunkIndex(content: $0) } == index)
    }

    @Test func statistics() throws {
        var statistics = Statistics()
        statistics.messageCount = 1
        statistics.schemaCount = 2
        statistics.channelCount = 3
        statistics.attachmentCount = 4
        statistics.metadataCount = 5
        statistics.chunkCount = 6
        statistics.startTime = 7
        statistics.endTime = 8
        statistics.channelMessageCounts = [9: 10]
        let expected: [UInt8] =
            [11, 56, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 2, 0, 3, 0, 0, 0, 4, 0, 0, 0, 5, 0, 0, 0, 6, 0, 0, 0]
            + [7, 0, 0, 0, 0, 0, 0, 0, 8, 0, 0, 0, 0, 0, 0, 0, 10, 0, 0, 0, 9, 0, 10, 0, 0, 0, 0, 0, 0, 0]
        #expect(bytes(statistics.encode(into:)) == expected)
        #expect(try content(expected).withUnsafeBytes { try Statistics(content: $0) } == statistics)
    }

    @Test func messageAndItsChannelInAChunk() {
        var builder = ChunkBuilder()
        builder.register(Channel(id: 1, topic: "", messageEncoding: ""))
        let data: [UInt8] = [0xAA, 0xBB]
        data.withUnsafeBytes {
            builder.append(channelID: 1, sequence: 2, logTime: 3, publishTime: 4, data: $0)
        }
        let channel: [UInt8] = [4, 16, 0, 0, 0, 0, 0, 0, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
        let message: [UInt8] =
            [5, 24, 0, 0, 0, 0, 0, 0, 0, 1, 0, 2, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 4, 0, 0, 0, 0, 0, 0, 0, 0xAA, 0xBB]
        #expect(Array(builder.records.bytes) == channel + message)
        #expect(builder.byteCount == 58)

        var index = GrowableBuffer()
        let offsets = builder.indexes.encode(into: &index, at: 1_000)
        #expect(
            Array(index.bytes)
                == [7, 22, 0, 0, 0, 0, 0, 0, 0, 1, 0, 16, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0, 25, 0, 0, 0, 0, 0, 0, 0])
        #expect(offsets == [1: 1_000])
    }

    @Test func marker() throws {
        let marker = Marker(
            sync: SyncMarker(first: 0x0706_0504_0302_0100, second: 0x0F0E_0D0C_0B0A_0908), ordinal: 2, offset: 0x0300,
            precedingCRC: 0xDDCC_BBAA)
        let covered: [UInt8] = Array(0...15) + [2, 0, 0, 0, 0, 0, 0, 0, 0, 3, 0, 0, 0, 0, 0, 0, 0xAA, 0xBB, 0xCC, 0xDD]
        let record = bytes(marker.encode(into:))
        // The CRC is python3's zlib.crc32 of the 36 bytes before it.
        #expect(record == [0x80, 40, 0, 0, 0, 0, 0, 0, 0] + covered + [0x5A, 0x55, 0x2F, 0xF0])
        let parsed = content(record)
        #expect(parsed.withUnsafeBytes { Marker(content: $0) } == marker)
        for index in parsed.indices {
            var flipped = parsed
            flipped[index] ^= 1
            #expect(flipped.withUnsafeBytes { Marker(content: $0) } == nil)
        }
    }

    @Test func trailerIsDataEndEmptyFooterAndMagic() {
        let writer = MCAPWriter(header: Recording.header, sync: Recording.sync, compression: .none)
        let expected: [UInt8] =
            [0x0F, 4, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
            + [0x02, 20, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]
            + [0x89, 0x4D, 0x43, 0x41, 0x50, 0x30, 0x0D, 0x0A]
        #expect(Array(writer.trailer) == expected)
        #expect(expected.count == 50)
    }

    @Test(
        arguments: [
            ("string beyond the end", [5, 0, 0, 0, 0x61]), ("string of 4 GiB", [0xFF, 0xFF, 0xFF, 0xFF]),
            ("cut length", [1, 0, 0]), ("invalid UTF-8", [1, 0, 0, 0, 0xFF, 0, 0, 0, 0]), ("empty", []),
        ] as [(String, [UInt8])])
    func malformedHeader(_ name: String, _ content: [UInt8]) {
        #expect(throws: MalformedRecord.self, "\(name)") { try content.withUnsafeBytes { try Header(content: $0) } }
    }
}
