import Testing

@testable import MCAP

/// Unclosed files, completed by another writer.
@Suite struct ResumeTests {
    static let chunks = TestMessage.chunks(3, messagesEach: 6, dataSize: 10...50, seed: 61)

    /// Scans `bytes`, adds `extra`, closes the file and truncates it at its end.
    private func finish(_ bytes: [UInt8], adding extra: [TestMessage]) throws -> [UInt8] {
        var bytes = bytes
        var writer = try MCAPWriter(resuming: Recovery.scan(MemorySource(bytes)), compression: .zstd(level: 1))
        if !extra.isEmpty {
            var builder = Recording.builder()
            builder.append(extra)
            writer.encodeChunk(builder)
            bytes.write(writer.output, at: writer.outputOffset)
            writer.commit()
        }
        writer.encodeEnd(metadata: [Recording.endMetadata])
        bytes.write(writer.output, at: writer.outputOffset)
        writer.commit()
        bytes.removeSubrange(Int(writer.fileSize)...)
        return bytes
    }

    @Test(arguments: [Compression.none, .zstd(level: 1)], [false, true])
    func everyCutCanBeFinished(compression: Compression, addsMore: Bool) async throws {
        let recording = Recording(Self.chunks, compression: compression, closed: true)
        let extra = addsMore ? TestMessage.chunks(1, messagesEach: 4, dataSize: 5...9, seed: 62)[0] : []
        for cut in recording.startEnd..<recording.bytes.count {
            await Task.yield()
            let finished = try finish(Array(recording.bytes[..<cut]), adding: extra)
            let reading = try Reading(finished)
            let whole = recording.chunkRanges.filter { $0.upperBound <= cut }.count
            try #require(reading.damages == [], "cut at \(cut): \(reading.damages)")
            try #require(reading.ending == .closed, "cut at \(cut)")
            try #require(
                reading.chunks.map(\.messages) == Self.chunks[..<whole] + (addsMore ? [extra] : []), "cut at \(cut)")
            try #require(reading.metadata == [Recording.startMetadata, Recording.endMetadata], "cut at \(cut)")
            let indexed = try MCAPIndexedReader(MemorySource(finished))
            try #require(indexed.statistics?.messageCount == UInt64(reading.messages.count))
        }
    }

    @Test func completedFileEqualsTheUncutFile() throws {
        let recording = Recording(Self.chunks, compression: .zstd(level: 1), closed: true)
        let unclosed = recording.states[recording.states.count - 2]
        #expect(try finish(unclosed, adding: []) == recording.bytes)
    }

    @Test func zeroedTailIsCutOff() throws {
        let recording = Recording(Self.chunks, compression: .zstd(level: 1), closed: false)
        var bytes = recording.bytes
        for offset in recording.chunkRanges[2].lowerBound..<bytes.count { bytes[offset] = 0 }
        let reading = try Reading(finish(bytes, adding: []))
        #expect(reading.damages == [])
        #expect(reading.chunks.map(\.messages) == Array(Self.chunks[..<2]))
    }

    @Test func closedFileIsRefused() throws {
        let recording = Recording(Self.chunks, compression: .none, closed: true)
        #expect(throws: MCAPWriteError.notResumable(.closed)) { try finish(recording.bytes, adding: []) }
    }

    @Test func fileDamagedBeforeItsEndIsRefused() throws {
        var bytes = Recording(Self.chunks, compression: .none, closed: false).bytes
        let ranges = Recording(Self.chunks, compression: .none, closed: false).chunkRanges
        bytes[ranges[0].upperBound - 1] ^= 1
        #expect(throws: MCAPWriteError.notResumable(.damaged)) { try finish(bytes, adding: []) }
    }

    @Test func fileCutBeforeItsFirstMarkerIsRefused() async throws {
        let recording = Recording(Self.chunks, compression: .none, closed: false)
        for cut in 0..<recording.startEnd {
            await Task.yield()
            #expect(throws: MCAPWriteError.notResumable(.withoutMarkers), "cut at \(cut)") {
                try finish(Array(recording.bytes[..<cut]), adding: [])
            }
        }
    }

    // MARK: - Found by fuzzing

    /// Its message indexes are complete, but belong to another chunk.
    @Test(arguments: [Compression.none, .zstd(level: 1)])
    func lastChunkDamagedWithWholeIndexes(compression: Compression) throws {
        let recording = Recording(Self.chunks, compression: compression, closed: false)
        var bytes = recording.bytes
        bytes[recording.chunkRanges[2].upperBound - 1] ^= 1
        let reading = try Reading(finish(bytes, adding: Self.chunks[2]))
        #expect(reading.damages == [])
        #expect(reading.chunks.map(\.messages) == Self.chunks)
    }

    /// No remaining record describes the channel, so nothing may list it.
    @Test func lostChunkRegistersNoChannel() throws {
        let one = TestMessage(channelID: 1, sequence: 1, logTime: 1, publishTime: 1, data: [1])
        let other = TestMessage(channelID: 700, sequence: 2, logTime: 2, publishTime: 2, data: [])
        let recording = Recording([[one], [other]], compression: .none, closed: false)
        var bytes = recording.bytes
        let chunk = recording.chunkRanges[1]
        // A correct checksum, and a message longer than the chunk: detected only after the channel's record.
        bytes[chunk.upperBound - 30] = 23
        bytes.repairChecksum(ofStoredChunk: chunk)
        let finished = try finish(bytes, adding: [])
        #expect(try Reading(finished).damages == [])
        #expect(try MCAPIndexedReader(MemorySource(finished)).channels.keys.sorted() == [1])
    }

    /// A lost chunk was the only one to describe the channel of the next chunk's message.
    @Test func channelOfALostChunkStaysUnknown() throws {
        let one = TestMessage(channelID: 700, sequence: 1, logTime: 1, publishTime: 1, data: [1])
        let recording = Recording([[one, one], [one]], compression: .none, closed: false)
        var bytes = recording.bytes
        // The second message of the first chunk is longer than the chunk; the second chunk describes another channel.
        bytes[recording.chunkRanges[0].upperBound - 31] = 24
        let channelID = recording.chunkRanges[1].lowerBound + 9 + 40 + 9
        #expect(Array(bytes[channelID..<channelID + 2]) == [0xBC, 0x02])
        bytes[channelID] = 0xBD
        for chunk in recording.chunkRanges { bytes.repairChecksum(ofStoredChunk: chunk) }
        let report = try Recovery.scan(MemorySource(bytes))
        #expect(report.chunks.isEmpty)
        #expect(report.damages.contains { $0.reason == .unknownChannel(700) })
    }

    @Test func scanReportsCompleteChunks() throws {
        let recording = Recording(Self.chunks, compression: .zstd(level: 1), closed: true)
        let report = try Recovery.scan(MemorySource(recording.bytes))
        #expect(report.isClosedCleanly)
        #expect(report.header == Recording.header)
        #expect(report.sync == Recording.sync)
        #expect(report.metadata == [Recording.startMetadata, Recording.endMetadata])
        #expect(report.messageCount == 18)
        let indexed = try MCAPIndexedReader(MemorySource(recording.bytes))
        #expect(report.chunks.map(\.index) == indexed.chunkIndexes)
        #expect(report.metadataIndexes == indexed.metadataIndexes)
        #expect(Set(report.channels.map(\.id)) == [1, 2, 700])

        let unclosed = try Recovery.scan(MemorySource(recording.states[3]))
        #expect(unclosed.ending == .unclosed)
        #expect(unclosed.isClosedCleanly == false)
        #expect(unclosed.endOfLastWholeChunk == UInt64(recording.states[3].count - 50))
    }
}

extension [UInt8] {
    /// Own chunks are not read without their checksum.
    fileprivate mutating func repairChecksum(ofStoredChunk range: Range<Int>) {
        let crc = self[(range.lowerBound + 49)..<range.upperBound].withUnsafeBytes { CRC32.of($0) }
        Swift.withUnsafeBytes(of: crc.littleEndian) { write($0, at: UInt64(range.lowerBound + 33)) }
    }
}
