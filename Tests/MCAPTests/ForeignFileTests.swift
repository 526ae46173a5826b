import Foundation
import TestSupport
import Testing

@testable import MCAP

/// Files that Python's `mcap` wrote: read, or refused with a reason.
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

    /// The specification demands the channels of indexed chunks in the summary.
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
        for options in ["{'index_types': IndexType.NONE}", "{'use_chunking': False}"] {
            let bytes = try file(options)
            #expect(throws: NoSummary.withoutChunkIndexes) { try MCAPIndexedReader(MemorySource(bytes)) }
        }
    }

    @Test func lz4IsRefusedByName() throws {
        let bytes = try file("{'chunk_size': 500, 'compression': CompressionType.LZ4}")
        let reading = try Reading(bytes)
        #expect(reading.messages.isEmpty)
        #expect(reading.damages.allSatisfy { $0.reason == .unsupportedCompression("lz4") })
        #expect(reading.damages.reduce(0) { $0 + ($1.messagesLost ?? 0) } == 50)
        #expect(reading.ending == .closed)
        let reader = try MCAPIndexedReader(MemorySource(bytes))
        let error = #expect(throws: Damage.self) { try reader.read(reader.chunkIndexes[0]) }
        #expect(error?.reason == .unsupportedCompression("lz4"))
    }

    @Test func messagesOutsideOfChunksAreCounted() throws {
        let reading = try Reading(file("{'use_chunking': False}"))
        #expect(reading.messages.isEmpty)
        #expect(reading.damages.allSatisfy { $0.reason == .messagesOutsideChunk })
        #expect(reading.damages.reduce(0) { $0 + ($1.messagesLost ?? 0) } == 50)
        #expect(reading.damages.count == 2, "neighbours are one damage")
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

    /// Python describes channels when they are registered, with messages or without.
    @Test func copyOfAForeignFileIsWhole() throws {
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

    @Test func everyFlipOfAForeignFileEndsInOrder() async throws {
        let seed: UInt64 = 95
        var random = SplitMix64(seed: seed)
        let original = try file("{'chunk_size': 500, 'compression': CompressionType.ZSTD}")
        let messages = Set(try Reading(original).messages.map(\.data))
        for offset in original.indices {
            await Task.yield()
            var bytes = original
            bytes[offset] ^= .random(in: 1...255, using: &random)
            let reading = try Reading(bytes)
            // Without markers less is found again, but nothing is made up.
            try #require(reading.messages.allSatisfy { messages.contains($0.data) }, "byte \(offset), seed \(seed)")
        }
    }
}
