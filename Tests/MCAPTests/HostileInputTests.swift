import TestSupport
import Testing

@testable import MCAP

/// Files crafted to cause harm.
@Suite struct HostileInputTests {
    @Test func randomBytes() async throws {
        let seed: UInt64 = 41
        var random = SplitMix64(seed: seed)
        for round in 0..<2_000 {
            await Task.yield()
            let count = Int.random(in: 0...300, using: &random)
            var bytes = (0..<count).map { _ in UInt8.random(in: 0...255, using: &random) }
            // Half of them start correctly, with small opcodes and lengths, to get further.
            if round.isMultiple(of: 2) {
                bytes = Layout.magic + bytes.map { $0 < 128 ? $0 % 17 : 0 }
            }
            let reading = try Reading(bytes)
            try #require(!reading.damages.isEmpty, "round \(round), seed \(seed)")
            try #require(reading.messages.isEmpty, "round \(round), seed \(seed)")
            #expect(throws: (any Error).self) { try MCAPIndexedReader(MemorySource(bytes)) }
        }
    }

    private static let lengths: [UInt64] = [
        0xFFFF_FFFF_FFFF_FFFF, 0xFFFF_FFFF_FFFF_FFF7, 0xFFFF_FFFF_FFFF_FFF6, 0x8000_0000_0000_0000,
        0x7FFF_FFFF_FFFF_FFFF, 0x100_0000_0000, 0x1_0000_0000, 0xFFFF_FFFF, 0x8000_0000, 0,
    ]

    @Test(arguments: lengths)
    func hostileLengthsEverywhere(length: UInt64) async throws {
        let chunks = TestMessage.chunks(2, messagesEach: 3, dataSize: 5...9, seed: 42)
        for compression in [Compression.none, .zstd(level: 1)] {
            let recording = Recording(chunks, compression: compression, closed: true)
            for offset in 0..<recording.bytes.count - 8 {
                await Task.yield()
                var bytes = recording.bytes
                withUnsafeBytes(of: length.littleEndian) { bytes.write($0, at: UInt64(offset)) }
                guard bytes != recording.bytes else { continue }
                let reading = try Reading(bytes)
                for chunk in reading.chunks {
                    let index = try #require(recording.chunkRanges.firstIndex { $0.lowerBound == chunk.offset })
                    try #require(chunk.messages == chunks[index], "\(length) at \(offset)")
                }
                readByIndex(bytes)
            }
        }
    }

    /// Any failure must be a thrown error.
    private func readByIndex(_ bytes: [UInt8]) {
        guard let reader = try? MCAPIndexedReader(MemorySource(bytes)) else { return }
        for index in reader.chunkIndexes { _ = try? reader.read(index) }
        for index in reader.metadataIndexes { _ = try? reader.read(index) }
    }

    @Test func limitsAreKept() throws {
        let chunks = TestMessage.chunks(2, messagesEach: 100, dataSize: 100...100, seed: 43)
        let recording = Recording(chunks, compression: .zstd(level: 1), closed: true)
        let size = try MCAPIndexedReader(MemorySource(recording.bytes)).chunkIndexes[0].uncompressedSize
        let small = ReadLimits(maximumChunkSize: size - 1)
        let reading = try Reading(recording.bytes, limits: small)
        #expect(reading.chunks.isEmpty)
        #expect(reading.damages.count == 2)
        #expect(reading.damages[0].reason == .tooLarge(opcode: 6, size: size, limit: size - 1))
        #expect(reading.damages.map(\.messagesLost) == [100, 100])
        #expect(reading.ending == .closed)

        let tiny = try Reading(recording.bytes, limits: ReadLimits(maximumRecordSize: 500))
        #expect(tiny.chunks.isEmpty)
        #expect(tiny.damages.isEmpty == false)
    }

    @Test func zstdBombIsRefused() throws {
        // Declares 10 bytes, contains a megabyte.
        var messages = TestMessage.chunks(1, messagesEach: 1, dataSize: 1...1, seed: 44)[0]
        messages[0].data = Array(repeating: 0, count: 1 << 20)
        let recording = Recording([messages], compression: .zstd(level: 1), closed: false)
        var bytes = recording.bytes
        withUnsafeBytes(of: UInt64(10).littleEndian) {
            bytes.write($0, at: UInt64(recording.chunkRanges[0].lowerBound + 9 + 16))
        }
        let reading = try Reading(bytes)
        #expect(reading.chunks.isEmpty)
        #expect(reading.damages.map(\.reason) == [.decompression(.tooLong(expected: 10))])
    }

    /// Messages for operators do not contain libzstd's terms.
    @Test func decompressionErrorsAreSentences() throws {
        let recording = Recording(
            TestMessage.chunks(1, messagesEach: 4, dataSize: 50...60, seed: 45), compression: .zstd(level: 1),
            closed: false)
        var bytes = recording.bytes
        // The magic number of the zstd frame.
        bytes[recording.chunkRanges[0].lowerBound + 53] ^= 0xFF
        let damage = try #require(try Reading(bytes).damages.first)
        #expect(damage.reason == .decompression(.damaged))
        #expect(
            damage.description == "at byte 215 (\(damage.length) bytes): the compressed bytes of a chunk are damaged; "
                + "4 messages are lost; recover copies all whole chunks into a new file")
    }

    @Test func tooManyDamagesEndReading() throws {
        let chunks = TestMessage.chunks(30, messagesEach: 1, dataSize: 1...1, seed: 45)
        let recording = Recording(chunks, compression: .none, closed: true)
        var bytes = recording.bytes
        for range in recording.chunkRanges { bytes[range.upperBound - 1] ^= 1 }
        let reading = try Reading(bytes, limits: ReadLimits(maximumDamages: 10))
        #expect(reading.damages.count == 11)
        #expect(reading.damages.last?.reason == .tooManyDamages)
        #expect(reading.ending == .cut)
    }

    /// Counts the bytes read: damage must not make reading quadratic.
    private final class CountingSource: ByteSource {
        let bytes: MemorySource
        var readBytes: UInt64 = 0
        init(_ bytes: [UInt8]) { self.bytes = MemorySource(bytes) }
        var size: UInt64 { bytes.size }
        func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) -> Int {
            let count = bytes.read(at: offset, into: buffer)
            readBytes += UInt64(count)
            return count
        }
    }

    /// A private record of a megabyte, read repeatedly by any code that is not linear.
    private static let ballast: [UInt8] =
        [0x81] + withUnsafeBytes(of: UInt64(1 << 20).littleEndian, Array.init) + Array(repeating: 0, count: 1 << 20)
    private static let emptyHeader: [UInt8] = [1, 8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0]

    /// Thousands of malformed records in a file without markers.
    @Test func searchingForMarkersIsLinear() throws {
        let malformed: [UInt8] = [4, 1, 0, 0, 0, 0, 0, 0, 0, 9]
        let damages = Array(repeatElement(malformed, count: 3_000).joined())
        let source = CountingSource(Layout.magic + Self.emptyHeader + damages + Self.ballast)
        let reader = MCAPStreamReader(source)
        while try reader.next() != nil {}
        #expect(reader.damages.count > 3_000)
        #expect(source.readBytes < 8 * source.size)
    }

    /// Nested chunks, each of which seems to extend to the end of the file, and none is complete.
    @Test func nestedChunksAreHashedInLinearTime() throws {
        let size = 1 << 18
        var bytes = Layout.magic + Self.emptyHeader
        while bytes.count < size {
            let data = UInt64(2 * size - bytes.count - 49)
            var chunk = GrowableBuffer()
            let header = ChunkHeader(
                startTime: 1, endTime: 2, uncompressedSize: data, uncompressedCRC: 1, compression: "")
            _ = header.encodeOpening(into: &chunk)
            chunk.overwrite(data + 40, at: 1)
            chunk.overwrite(data, at: chunk.count - 8)
            bytes += Array(chunk.bytes)
        }
        bytes += Array(repeating: 0xFF, count: 2 * size - bytes.count)
        let source = CountingSource(bytes)
        let reader = MCAPStreamReader(source)
        while try reader.next() != nil {}
        #expect(reader.damages.last?.reason == .tooManyDamages)
        #expect(source.readBytes < 512 * source.size)
    }

    /// Thousands of markers, each of a different file.
    @Test func theSearchForMarkersOfOtherFilesIsLimited() throws {
        var bytes = Layout.magic + Self.emptyHeader
        for number in 0..<8_000 as Range<UInt64> {
            var marker = GrowableBuffer()
            Marker(sync: SyncMarker(first: number, second: 1), ordinal: number, offset: number, precedingCRC: 0)
                .encode(into: &marker)
            bytes += Array(marker.bytes) + [0]
        }
        let source = CountingSource(bytes)
        let reader = MCAPStreamReader(source)
        while try reader.next() != nil {}
        #expect(!reader.damages.isEmpty)
        #expect(source.readBytes < 128 * source.size)
    }

    /// Hundreds of data ends with a CRC, each followed by a valid marker, so that the data section seems to continue.
    @Test func dataSectionIsHashedOnce() throws {
        let dataEnd: [UInt8] = [15, 4, 0, 0, 0, 0, 0, 0, 0, 1, 2, 3, 4]
        var bytes = Layout.magic + Self.emptyHeader + Self.ballast
        for ordinal in 0..<300 {
            bytes += dataEnd
            var marker = GrowableBuffer()
            Marker(
                sync: Recording.sync, ordinal: UInt64(ordinal), offset: UInt64(bytes.count), precedingCRC: 0
            ).encode(into: &marker)
            bytes += Array(marker.bytes)
        }
        let source = CountingSource(bytes)
        let reader = MCAPStreamReader(source)
        while try reader.next() != nil {}
        #expect(reader.damages.count > 300)
        #expect(source.readBytes < 16 * source.size)
    }

    @Test func sourceThatShrinks() throws {
        struct Shrinking: ByteSource {
            let bytes: [UInt8]
            var size: UInt64 { UInt64(bytes.count) + 1_000 }
            func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) -> Int {
                MemorySource(bytes).read(at: offset, into: buffer)
            }
        }
        let chunks = TestMessage.chunks(2, messagesEach: 3, dataSize: 5...9, seed: 46)
        let recording = Recording(chunks, compression: .none, closed: true)
        let reader = MCAPStreamReader(Shrinking(bytes: recording.bytes))
        var count = 0
        while let item = try reader.next() { if case .chunk = item { count += 1 } }
        #expect(count == 2)
        #expect(reader.damages.isEmpty == false)
    }

    @Test func errorsOfTheSourceAreThrown() {
        struct Failing: ByteSource {
            struct Failure: Error {}
            var size: UInt64 { 1_000 }
            func read(at offset: UInt64, into buffer: UnsafeMutableRawBufferPointer) throws -> Int { throw Failure() }
        }
        #expect(throws: Failing.Failure.self) { try MCAPStreamReader(Failing()).next() }
        #expect(throws: Failing.Failure.self) { try MCAPIndexedReader(Failing()) }
        #expect(throws: Failing.Failure.self) { try Recovery.scan(Failing()) }
    }

    // MARK: - Offsets that only the file states

    private static func marker(_ ordinal: UInt64, offset: UInt64, sync: SyncMarker = Recording.sync) -> [UInt8] {
        var buffer = GrowableBuffer()
        Marker(sync: sync, ordinal: ordinal, offset: offset, precedingCRC: 0).encode(into: &buffer)
        return Array(buffer.bytes)
    }

    /// Between two markers 2^63 bytes are said to be gone, and another file's marker is in the lost chunk between them.
    @Test func aMarkerMaySayThatAnyNumberOfBytesIsGone() throws {
        let recording = Recording(
            TestMessage.chunks(1, messagesEach: 3, dataSize: 90...99, seed: 47), compression: .none, closed: false)
        let chunk = recording.chunkRanges[0]
        let forged = Self.marker(0, offset: 100, sync: SyncMarker(first: 1, second: 1))
        var bytes = Array(recording.bytes[..<chunk.upperBound])
        bytes.replaceSubrange(chunk.lowerBound + 100..<chunk.lowerBound + 100 + forged.count, with: forged)
        bytes += Array(repeating: 0x55, count: 20)
        bytes += Self.marker(2, offset: UInt64(bytes.count) &+ 1 << 63)
        let reading = try Reading(bytes)
        #expect(reading.chunks.isEmpty)
        #expect(reading.damages.contains { $0.reason == .moved(by: .min) })
    }

    /// The marker of a file whose start was read and discarded before.
    @Test func aMarkerInAStreamMayReferToDiscardedBytes() throws {
        let chunks = TestMessage.chunks(3, messagesEach: 3, dataSize: 5...9, seed: 48)
        let ours = Recording(chunks, compression: .none, closed: true)
        let other = Recording(
            chunks, compression: .none, closed: true, sync: SyncMarker(first: 1, second: 1),
            channels: TestMessage.otherChannels)
        let cut = ours.chunkRanges[1].upperBound
        let bytes = Array(ours.bytes[..<cut] + other.bytes[100...] + ours.bytes[cut...])
        var rest = bytes[...]
        let stream = StreamSource { buffer in
            let piece = rest.prefix(min(buffer.count, 50))
            rest = rest.dropFirst(piece.count)
            buffer.copyBytes(from: piece)
            return piece.count
        }
        #expect(try Reading(stream).messages == Reading(bytes).messages)
    }

    /// The last chunk of the file that is read last is not the last of all chunks.
    @Test func aFileInsideAnotherIsScanned() throws {
        let chunks = TestMessage.chunks(3, messagesEach: 6, dataSize: 5...9, seed: 49)
        let outer = Recording(chunks, compression: .none, closed: false)
        let inner = Recording(
            chunks, compression: .none, closed: true, sync: SyncMarker(first: 1, second: 1),
            channels: TestMessage.otherChannels)
        let cut = outer.chunkRanges[1].lowerBound - Marker.recordSize
        let bytes = outer.bytes[..<cut] + inner.bytes + outer.bytes[cut..<outer.chunkRanges[2].upperBound]
        let report = try Recovery.scan(MemorySource(Array(bytes)))
        #expect(report.messageCount == 36)
        #expect(!report.owedIndexes.isEmpty)
        let last = UInt64(outer.chunkRanges[2].lowerBound + inner.bytes.count)
        let chunk = try #require(report.chunks.first { $0.index.offset == last })
        #expect(chunk.index.messageIndexOffsets.keys.sorted() == chunk.messageCounts.keys.sorted())
    }

    @Test func aScanDoesNotBelieveTheOffsetOfTheFirstMarker() throws {
        let bytes = Layout.magic + Self.emptyHeader + Self.marker(0, offset: .max - 3)
        let report = try Recovery.scan(MemorySource(bytes))
        #expect(throws: MCAPWriteError.notResumable(.damaged)) { try report.resumption() }
    }
}
