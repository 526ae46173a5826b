import Testing

@testable import MCAP

/// Complete chunks copied from one file to another.
@Suite struct CopyTests {
    static let chunks = TestMessage.chunks(4, messagesEach: 6, dataSize: 10...50, seed: 71)

    private func copy(_ bytes: [UInt8]) throws -> [UInt8] {
        var writer = MCAPWriter(
            header: Recording.header, sync: SyncMarker(first: 8, second: 9), compression: .none)
        var copy: [UInt8] = []
        writer.encodeStart(metadata: [])
        copy.write(writer.output, at: writer.outputOffset)
        writer.commit()
        let reader = MCAPStreamReader(MemorySource(bytes))
        while let item = try reader.next() {
            guard case .chunk(let chunk) = item else { continue }
            try writer.encodeCopy(of: chunk)
            copy.write(writer.output, at: writer.outputOffset)
            writer.commit()
        }
        writer.encodeEnd(metadata: [])
        copy.write(writer.output, at: writer.outputOffset)
        writer.commit()
        return copy
    }

    @Test(arguments: [Compression.none, .zstd(level: 1)])
    func wholeChunksOfADamagedFile(compression: Compression) throws {
        let recording = Recording(Self.chunks, compression: compression, closed: true)
        var bytes = recording.bytes
        bytes[recording.chunkRanges[1].lowerBound + 100] ^= 0x55
        let copied = try copy(bytes)
        let reading = try Reading(copied)
        #expect(reading.damages == [])
        #expect(reading.ending == .closed)
        #expect(reading.chunks.map(\.messages) == [Self.chunks[0], Self.chunks[2], Self.chunks[3]])
        // Byte for byte, whatever this writer's compression.
        let last = try #require(recording.chunkRanges.last)
        let copiedLast = try #require(reading.chunks.last?.offset)
        #expect(Array(copied[copiedLast..<copiedLast + last.count]) == Array(recording.bytes[last]))
    }

    @Test func wrongTimesAreNotCopied() throws {
        let recording = Recording(Self.chunks, compression: .none, closed: true)
        var bytes = recording.bytes
        bytes[recording.chunkRanges[1].lowerBound + 9] ^= 1
        bytes[recording.chunkRanges[2].lowerBound + 17] ^= 1
        #expect(try Reading(bytes).damages.map(\.reason) == [.chunkTimes, .chunkTimes])
        let reading = try Reading(copy(bytes))
        #expect(reading.damages == [])
        #expect(reading.chunks.map(\.messages) == Self.chunks)
    }

    /// Found by fuzzing: an own file with such bytes would count as damaged.
    @Test func extensionsOfALaterFormatAreNotCopied() throws {
        let recording = Recording(Self.chunks, compression: .none, closed: true)
        let range = recording.chunkRanges[0]
        var buffer = GrowableBuffer()
        buffer.append(Layout.magic)
        Recording.header.encode(into: &buffer)
        buffer.appendRecord(.chunk) {
            $0.append(Array(recording.bytes[range.dropFirst(Layout.recordHeader)]) + [1, 2, 3])
        }
        DataEnd().encode(into: &buffer)
        Footer().encode(into: &buffer)
        buffer.append(Layout.magic)
        let foreign = Array(buffer.bytes)
        #expect(try Reading(foreign).damages == [])

        let copied = try copy(foreign)
        #expect(try Reading(copied).damages == [])
        #expect(try Reading(copied).chunks.map(\.messages) == [Self.chunks[0]])
        let indexed = try MCAPIndexedReader(MemorySource(copied))
        #expect(try indexed.read(try #require(indexed.chunkIndexes.first)).messages == Self.chunks[0])
    }

    @Test func topicsInTwoUnicodeFormsAreTwo() {
        let first = Channel(id: 1, topic: "zo\u{E9}", messageEncoding: "raw")
        #expect(first != Channel(id: 1, topic: "zoe\u{301}", messageEncoding: "raw"))
        #expect(first == Channel(id: 1, topic: "zo\u{E9}", messageEncoding: "raw"))
    }

    @Test func channelConflictIsRefusedAndNothingEncoded() throws {
        let recording = Recording(Self.chunks, compression: .none, closed: true)
        let source = try MCAPIndexedReader(MemorySource(recording.bytes))
        var builder = ChunkBuilder()
        builder.register(Channel(id: 1, topic: "another", messageEncoding: "raw"))
        [1].withUnsafeBytes { builder.append(channelID: 1, sequence: 0, logTime: 0, publishTime: 0, data: $0) }
        var writer = MCAPWriter(header: Recording.header, sync: Recording.sync, compression: .none)
        writer.encodeStart(metadata: [])
        writer.commit()
        writer.encodeChunk(builder)
        writer.commit()
        let chunk = try source.read(source.chunkIndexes[0])
        let refused: MCAPWriteError?
        do throws(MCAPWriteError) {
            try writer.encodeCopy(of: chunk)
            refused = nil
        } catch {
            refused = error
        }
        #expect(refused == .channelConflict(channelID: 1))
        #expect(writer.output.isEmpty)
    }
}
