import Foundation
import TestSupport
import Testing

@testable import MCAP

/// Files written by Python's `mcap`: read, or refused with a reason.
@Suite(.enabled(if: Oracle.isAvailable, Comment(rawValue: Oracle.missing ?? "")))
struct ForeignFileTests {
    /// Writes 50 messages on two channels, one with a schema, with the writer options in the second argument.
    private static let writer = """
        import sys
        from mcap.writer import Writer, CompressionType, IndexType
        options = eval(sys.argv[2])
        with open(sys.argv[1], "wb") as file:
            writer = Writer(file, **options)
            writer.start(profile="ros2", library="python")
            schema = writer.register_schema(name="s", encoding="jsonschema", data=b"{}")
            one = writer.register_channel(topic="/one", message_encoding="json", schema_id=schema)
            two = writer.register_channel(topic="/two", message_encoding="raw", schema_id=0, metadata={"k": "v"})
            for i in range(50):
                writer.add_message(one if i % 3 else two, log_time=1000 + i, publish_time=900 + i,
                                   data=bytes([i]) * 30, sequence=i)
                if i == 25:
                    writer.add_attachment(1, 2, "a.txt", "text/plain", b"hello" * 100)
                    writer.add_metadata("m", {"x": "y"})
            writer.finish()
        """

    private func file(_ options: String) throws -> [UInt8] {
        try Oracle.require()
        return try Oracle.withFiles([[]]) { paths in
            _ = try Oracle.python(Self.writer, [paths[0], options])
            return Array(try Data(contentsOf: URL(fileURLWithPath: paths[0])))
        }
    }

    private func check(_ messages: [TestMessage]) {
        #expect(messages.map(\.sequence) == Array(0..<50))
        #expect(messages.map(\.logTime) == Array(1_000..<1_050))
        #expect(messages.map(\.data) == (0..<50).map { Array(repeating: UInt8($0), count: 30) })
    }

    @Test(arguments: [
        "{'chunk_size': 500, 'compression': CompressionType.ZSTD}",
        "{'chunk_size': 500, 'compression': CompressionType.NONE}",
        "{'chunk_size': 500, 'compression': CompressionType.ZSTD, 'enable_data_crcs': True}",
        "{'chunk_size': 500, 'compression': CompressionType.ZSTD, 'enable_crcs': False}",
        "{'chunk_size': 500, 'compression': CompressionType.ZSTD, 'index_types': IndexType.NONE}",
        "{'chunk_size': 500, 'compression': CompressionType.ZSTD, 'index_types': IndexType.CHUNK}",
        "{'chunk_size': 500, 'compression': CompressionType.ZSTD, 'use_summary_offsets': False}",
        "{'chunk_size': 500, 'compression': CompressionType.ZSTD, 'use_statistics': False}",
    ])
    func chunkedFileIsRead(options: String) throws {
        let reading = try Reading(file(options))
        #expect(reading.damages == [])
        #expect(reading.header == Header(profile: "ros2", library: "python"))
        #expect(reading.metadata == [Metadata(name: "m", entries: ["x": "y"])])
        #expect(reading.chunks.count > 1)
        check(reading.messages)
    }

    /// The specification requires the channels of indexed chunks in the summary.
    @Test func summaryWithoutChannelsIsReported() throws {
        let reading = try Reading(file("{'chunk_size': 500, 'repeat_channels': False, 'use_statistics': False}"))
        #expect(reading.damages.map(\.reason) == [.summary(.channels)])
        check(reading.messages)
    }

    @Test func indexedRead() throws {
        let reader = try MCAPIndexedReader(
            MemorySource(file("{'chunk_size': 500, 'compression': CompressionType.ZSTD}")))
        #expect(reader.statistics?.attachmentCount == 1)
        #expect(reader.channels.values.map(\.topic).sorted() == ["/one", "/two"])
        check(try reader.chunkIndexes.flatMap { try reader.read($0).messages })
        #expect(try reader.metadataIndexes.map { try reader.read($0).name } == ["m"])
    }

    @Test func withoutChunkIndexesTheIndexedReaderRefers() throws {
        let unindexed = try file("{'index_types': IndexType.NONE}")
        #expect(throws: NoSummary.withoutChunkIndexes) { try MCAPIndexedReader(MemorySource(unindexed)) }
        let unchunked = try file("{'use_chunking': False}")
        #expect(throws: NoSummary.messagesOutsideChunks) { try MCAPIndexedReader(MemorySource(unchunked)) }
    }

    @Test func lz4IsRead() throws {
        let bytes = try file("{'chunk_size': 500, 'compression': CompressionType.LZ4}")
        let reading = try Reading(bytes)
        #expect(reading.damages == [])
        #expect(reading.chunks.count > 1)
        check(reading.messages)
        let reader = try MCAPIndexedReader(MemorySource(bytes))
        #expect(reader.chunkIndexes.allSatisfy { $0.compression == "lz4" })
        check(try reader.chunkIndexes.flatMap { try reader.read($0).messages })
    }

    @Test(arguments: ["True", "False"]) func messagesOutsideChunksAreRead(dataCRC: String) throws {
        let reading = try Reading(file("{'use_chunking': False, 'enable_data_crcs': \(dataCRC)}"))
        #expect(reading.damages == [])
        #expect(reading.metadata == [Metadata(name: "m", entries: ["x": "y"])])
        #expect(reading.ending == .closed)
        check(reading.messages)
    }

    /// Some writers put messages both into chunks and outside.
    @Test(arguments: [Compression.none, .zstd(level: 1)]) func mixedFileIsRead(compression: Compression) throws {
        let mixed = try MixedFile(self.file("{'use_chunking': False}"), self.file("{'chunk_size': 500}"))
        let reading = try Reading(mixed.bytes)
        #expect(reading.messages.count == 100)
        #expect(reading.damages.map(\.reason) == [])
        #expect(throws: NoSummary.messagesOutsideChunks) { try MCAPIndexedReader(MemorySource(mixed.bytes)) }
    }

    @Test func chunksThatNeedASchemaAreNotCopied() throws {
        let reader = try MCAPIndexedReader(
            MemorySource(file("{'chunk_size': 500, 'compression': CompressionType.ZSTD}")))
        let chunk = try reader.read(reader.chunkIndexes[0])
        var writer = MCAPWriter(header: Recording.header, sync: Recording.sync, compression: .none)
        writer.encodeStart(metadata: [])
        writer.commit()
        do throws(MCAPWriteError) {
            try writer.encodeCopy(of: chunk)
            Issue.record("a chunk with a schema was copied")
        } catch {
            guard case .chunkNotSelfContained = error else {
                Issue.record("\(error)")
                return
            }
        }
        #expect(writer.output.isEmpty)
    }

    /// Python writes channels when they are registered, with or without messages.
    @Test func copyOfAForeignFileIsComplete() throws {
        try Oracle.require()
        let program = """
            import sys
            from mcap.writer import Writer
            with open(sys.argv[1], "wb") as file:
                writer = Writer(file)
                writer.start(profile="", library="python")
                writer.register_channel(topic="/never", message_encoding="raw", schema_id=0)
                one = writer.register_channel(topic="/one", message_encoding="raw", schema_id=0)
                writer.add_message(one, log_time=2, publish_time=1, data=b"x", sequence=1)
                writer.finish()
            """
        let bytes = try Oracle.withFiles([[]]) { paths in
            _ = try Oracle.python(program, paths)
            return Array(try Data(contentsOf: URL(fileURLWithPath: paths[0])))
        }
        let reader = try MCAPIndexedReader(MemorySource(bytes))
        var writer = MCAPWriter(header: Recording.header, sync: Recording.sync, compression: .none)
        var copy: [UInt8] = []
        writer.encodeStart(metadata: [])
        copy.write(writer.output, at: writer.outputOffset)
        writer.commit()
        try writer.encodeCopy(of: reader.read(reader.chunkIndexes[0]))
        copy.write(writer.output, at: writer.outputOffset)
        writer.commit()
        writer.encodeEnd(metadata: [])
        copy.write(writer.output, at: writer.outputOffset)
        writer.commit()
        let reading = try Reading(copy)
        #expect(reading.damages == [])
        #expect(reading.messages.map(\.data) == [[0x78]])
    }

    @Test func foreignFileIsNotResumed() throws {
        let bytes = try file("{'chunk_size': 500, 'compression': CompressionType.ZSTD}")
        let report = try Recovery.scan(MemorySource(Array(bytes[..<600])))
        #expect(throws: MCAPWriteError.notResumable(.withoutMarkers)) { try report.resumption() }
    }

    @Test(arguments: [
        "{'chunk_size': 500, 'compression': CompressionType.ZSTD}",
        "{'chunk_size': 500, 'compression': CompressionType.LZ4}",
        "{'chunk_size': 500, 'compression': CompressionType.NONE}",
    ])
    func everyFlipOfAForeignFileEndsInOrder(options: String) async throws {
        let seed: UInt64 = 95
        var random = SplitMix64(seed: seed)
        let original = try file(options)
        let messages = Set(try Reading(original).messages.map(\.data))
        for offset in original.indices {
            await Task.yield()
            var bytes = original
            bytes[offset] ^= .random(in: 1...255, using: &random)
            let reading = try Reading(bytes)
            // Without markers less is recovered, but never wrong data.
            try #require(reading.messages.allSatisfy { messages.contains($0.data) }, "byte \(offset), seed \(seed)")
        }
    }

    @Test(arguments: ["{'chunk_size': 500, 'compression': CompressionType.LZ4}", "{'use_chunking': False}"])
    func everyCutOfAForeignFileEndsInOrder(options: String) async throws {
        let original = try file(options)
        let whole = try Reading(original)
        for cut in original.indices {
            await Task.yield()
            let reading = try Reading(Array(original[..<cut]))
            try #require(whole.messages.starts(with: reading.messages), "cut at \(cut)")
            try #require(!reading.damages.isEmpty, "cut at \(cut)")
        }
    }

    /// Without markers the chunks themselves are found.
    @Test(arguments: ["ZSTD", "LZ4", "NONE"]) func chunksAreFoundAfterShiftedBytes(compression: String) async throws {
        let original = try file("{'chunk_size': 400, 'compression': CompressionType.\(compression)}")
        let chunks = try Reading(original).chunks
        var random = SplitMix64.announced()
        for _ in 0..<500 {
            await Task.yield()
            var bytes = original
            let place = Int.random(in: 40..<chunks[2].offset, using: &random)
            let count = Int.random(in: 1...90, using: &random)
            if Bool.random(using: &random) {
                bytes.insert(contentsOf: (0..<count).map { _ in .random(in: 0...255, using: &random) }, at: place)
            } else {
                bytes.removeSubrange(place..<min(place + count, chunks[2].offset))
            }
            let reading = try Reading(bytes)
            let found = reading.chunks.map(\.messages)
            for chunk in chunks[2...] {
                try #require(found.count { $0 == chunk.messages } == 1, "\(count) bytes at \(place)")
            }
            // From a stored chunk without its start the messages are recovered.
            let all = chunks.flatMap(\.messages)
            try #require(found.allSatisfy { $0.allSatisfy { all.contains($0) } })
            try #require(!reading.damages.isEmpty)
        }
    }
}

/// The messages of one file outside chunks, followed by the chunks of another one.
private struct MixedFile {
    private(set) var bytes: [UInt8]

    init(_ loose: [UInt8], _ chunked: [UInt8]) throws {
        bytes = Layout.magic
        var counts: [UInt16: UInt64] = [:]
        var statistics = Statistics()
        var channels: [[UInt8]] = []
        for source in [loose, chunked] {
            let hasHeader = bytes.count > Layout.magic.count
            var position = Layout.magic.count
            var isData = true
            while position < source.count - Layout.magic.count {
                let length = source[position + 1..<position + 9].reversed().reduce(0) { $0 << 8 | Int($1) }
                let record = source[position..<position + 9 + length]
                let content = Array(record.dropFirst(9))
                try content.withUnsafeBytes { content in
                    switch Opcode(rawValue: source[position]) {
                    case .header?: if !hasHeader { bytes += record }
                    case .dataEnd?: isData = false
                    case .schema?, .channel?:
                        if isData { bytes += record } else if hasHeader { channels.append(Array(record)) }
                    case .message?, .messageIndex?: if isData { bytes += record }
                    case .chunk?: bytes += record
                    case .statistics?:
                        let found = try Statistics(content: content)
                        statistics = found
                        for (id, count) in found.channelMessageCounts { counts[id, default: 0] += count }
                    default: break
                    }
                }
                position += record.count
            }
        }
        try finish(statistics, counts, channels)
    }

    private mutating func finish(
        _ statistics: Statistics, _ counts: [UInt16: UInt64], _ channels: [[UInt8]]
    ) throws {
        var statistics = statistics
        statistics.channelMessageCounts = counts
        statistics.messageCount = counts.values.reduce(0, +)
        statistics.attachmentCount = 0
        statistics.metadataCount = 0
        var buffer = GrowableBuffer()
        DataEnd().encode(into: &buffer)
        let start = bytes.count + buffer.count
        for channel in channels { buffer.append(channel) }
        statistics.encode(into: &buffer)
        for chunk in try Recovery.scan(MemorySource(bytes)).chunks { chunk.index.encode(into: &buffer) }
        Footer(summaryStart: UInt64(start)).encode(into: &buffer)
        buffer.append(Layout.magic)
        bytes += Array(buffer.bytes)
    }
}
