import Testing

@testable import MCAP

/// A failure between `encode` and `commit` changes nothing.
@Suite struct FailedWriteTests {
    static let chunks = TestMessage.chunks(3, messagesEach: 5, dataSize: 10...50, seed: 51)

    private func writer(_ sync: SyncMarker = Recording.sync) -> MCAPWriter {
        MCAPWriter(header: Recording.header, sync: sync, compression: .zstd(level: 1))
    }

    @Test func discardedOutputsLeaveNoTrace() {
        let expected = Recording(Self.chunks, compression: .zstd(level: 1), closed: true)
        var writer = writer()
        var builder = Recording.builder()
        var bytes: [UInt8] = []

        writer.encodeStart(metadata: [Metadata(name: "never written", entries: [:])])
        writer.discard()
        writer.encodeStart(metadata: [Recording.startMetadata])
        bytes.write(writer.output, at: writer.outputOffset)
        writer.commit()
        for chunk in Self.chunks {
            builder.append(Self.chunks[2])
            let before = (writer.outputOffset, writer.fileSize, writer.statistics)
            writer.encodeChunk(builder)
            writer.discard()
            #expect((writer.outputOffset, writer.fileSize, writer.statistics) == before)
            builder.reset()
            builder.append(chunk)
            writer.encodeChunk(builder)
            writer.discard()
            writer.encodeChunk(builder)
            bytes.write(writer.output, at: writer.outputOffset)
            writer.commit()
            builder.reset()
        }
        writer.encodeEnd(metadata: [])
        writer.discard()
        writer.encodeEnd(metadata: [Recording.endMetadata])
        bytes.write(writer.output, at: writer.outputOffset)
        writer.commit()
        #expect(bytes == expected.bytes)
    }

    @Test func trailerRepairsAfterEveryShortWrite() throws {
        var writer = writer()
        var builder = Recording.builder()
        var bytes: [UInt8] = []
        writer.encodeStart(metadata: [])
        bytes.write(writer.output, at: writer.outputOffset)
        writer.commit()
        builder.append(Self.chunks[0])
        writer.encodeChunk(builder)
        bytes.write(writer.output, at: writer.outputOffset)
        writer.commit()
        let whole = bytes

        writer.encodeChunk(builder)
        for written in 0...writer.output.count {
            var file = whole
            file.write(UnsafeRawBufferPointer(rebasing: writer.output[..<written]), at: writer.outputOffset)
            file.write(writer.trailer, at: writer.trailerOffset)
            file.removeSubrange(Int(writer.fileSize)...)
            try #require(file == whole, "\(written) bytes written")
        }
    }

    @Test func chunkGoesToAnotherFileAfterAFailure() throws {
        var builder = Recording.builder()
        builder.append(Self.chunks[0])
        var failing = writer()
        failing.encodeStart(metadata: [])
        failing.commit()
        failing.encodeChunk(builder)
        failing.discard()

        var other = writer(SyncMarker(first: 5, second: 6))
        var bytes: [UInt8] = []
        other.encodeStart(metadata: [])
        bytes.write(other.output, at: other.outputOffset)
        other.commit()
        other.encodeChunk(builder)
        bytes.write(other.output, at: other.outputOffset)
        other.commit()
        let reading = try Reading(bytes)
        #expect(reading.damages == [])
        #expect(reading.messages == Self.chunks[0])
    }

    @Test func totalsIncludeOnlyCommittedData() {
        var writer = writer()
        var builder = Recording.builder()
        #expect(writer.fileSize == 0)
        writer.encodeStart(metadata: [Recording.startMetadata])
        #expect(writer.fileSize == 0)
        let startSize = writer.output.count
        writer.commit()
        #expect(writer.fileSize == UInt64(startSize))
        #expect(writer.trailerOffset == UInt64(startSize - 50))
        builder.append(Self.chunks[0])
        writer.encodeChunk(builder)
        #expect(writer.messageCount == 0)
        writer.commit()
        #expect(writer.messageCount == 5)
        #expect(writer.chunkCount == 1)
        #expect(writer.statistics.channelMessageCounts.values.reduce(0, +) == 5)
        #expect(writer.statistics.metadataCount == 1)
    }
}
