import Testing

@testable import MCAP

@Suite struct DamageTests {
    static let chunks = TestMessage.chunks(6, messagesEach: 10, dataSize: 10...50, seed: 31)

    /// Overwrites a range with zeroes, like a disk after a power failure.
    private func zeroed(_ recording: Recording, _ range: Range<Int>) -> [UInt8] {
        var bytes = recording.bytes
        for offset in range { bytes[offset] = 0 }
        return bytes
    }

    @Test(arguments: [Compression.none, .zstd(level: 1)], [false, true])
    func goesOnAtTheNextMarker(compression: Compression, closed: Bool) throws {
        let recording = Recording(Self.chunks, compression: compression, closed: closed)
        // From within chunk 1 to within chunk 3.
        let range = recording.chunkRanges[1].lowerBound + 4..<recording.chunkRanges[3].lowerBound + 20
        let reading = try Reading(zeroed(recording, range))
        #expect(reading.chunks.map(\.messages) == [Self.chunks[0], Self.chunks[4], Self.chunks[5]])
        let damage = try #require(reading.damages.first)
        #expect(reading.damages.count == 1)
        #expect(damage.offset == UInt64(recording.chunkRanges[1].lowerBound))
        #expect(damage.offset + damage.length == UInt64(recording.chunkRanges[4].lowerBound - Marker.recordSize))
        // A closed file contains the number of messages.
        #expect(damage.messagesLost == (closed ? 30 : nil))
    }

    @Test func messageIndexesGiveTheContentOfALostChunk() throws {
        let recording = Recording(Self.chunks, compression: .zstd(level: 1), closed: false)
        var bytes = recording.bytes
        bytes[recording.chunkRanges[5].upperBound - 1] ^= 0xFF
        let reading = try Reading(bytes)
        #expect(reading.damages.map(\.messagesLost) == [10])
        #expect(reading.chunks.map(\.messages) == Array(Self.chunks[..<5]))
        #expect(reading.ending == .unclosed)
    }

    @Test func missingMessageIndexesAreReported() throws {
        let recording = Recording(Self.chunks, compression: .none, closed: false)
        let end = recording.chunkRanges[5].upperBound
        // The trailer directly after the last chunk, as if its message indexes had never been written.
        let bytes = Array(recording.bytes[..<end]) + recording.bytes.suffix(Layout.trailer)
        let reading = try Reading(bytes)
        let channels = Set(Self.chunks[5].map(\.channelID)).sorted()
        let expected = channels.map { Damage.Reason.messageIndexMissing(channelID: $0) }
        #expect(reading.damages.map(\.reason) == expected)
        #expect(reading.damages.allSatisfy { $0.messagesLost == 0 })
        #expect(reading.chunks.map(\.messages) == Self.chunks)
        #expect(reading.ending == .unclosed)
    }

    @Test func everythingBeforeTheFirstMarkerLost() throws {
        let recording = Recording(Self.chunks, compression: .none, closed: true)
        let reading = try Reading(zeroed(recording, 0..<30))
        #expect(reading.chunks.map(\.messages) == Self.chunks)
        #expect(reading.header == nil)
        #expect(reading.damages.map(\.messagesLost).allSatisfy { $0 == 0 })
        #expect(reading.damages.first?.reason == .leadingMagic)
    }

    @Test func removedChunkIsDetected() throws {
        let recording = Recording(Self.chunks, compression: .none, closed: false)
        // Markers contain their offset, so removing a chunk invalidates all later ones.
        var bytes = recording.bytes
        bytes.removeSubrange(recording.chunkRanges[1].lowerBound..<recording.chunkRanges[2].lowerBound)
        let reading = try Reading(bytes)
        #expect(reading.damages.isEmpty == false)
    }

    @Test func markerOfAnotherFileIsIgnored() throws {
        let recording = Recording(Self.chunks, compression: .none, closed: false)
        var bytes = recording.bytes
        let place = recording.chunkRanges[2].lowerBound - Marker.recordSize
        var buffer = GrowableBuffer()
        Marker(
            sync: SyncMarker(first: 1, second: 2), ordinal: 3, offset: UInt64(place), precedingCRC: 0
        ).encode(into: &buffer)
        bytes.write(buffer.bytes, at: UInt64(place))
        let reading = try Reading(bytes)
        #expect(reading.damages.map(\.reason) == [.marker])
        #expect(reading.chunks.map(\.messages) == Self.chunks)
    }

    @Test func markerForgedInsideAMessageIsIgnored() throws {
        // A publisher can put any bytes into a stored chunk, but does not know the file's sync marker.
        var chunks = Array(Self.chunks[..<3])
        let probe = Recording(chunks, compression: .none, closed: false)
        let place = probe.chunkRanges[1].lowerBound + 200
        var forged = GrowableBuffer()
        Marker(
            sync: SyncMarker(first: 7, second: 7), ordinal: 9, offset: UInt64(place), precedingCRC: 0
        ).encode(into: &forged)
        chunks[1] = [chunks[1][0]]
        chunks[1][0].data = Array(repeating: 0, count: 400)
        let start = Recording(chunks, compression: .none, closed: false)
        let dataStart = start.chunkRanges[1].upperBound - 400
        chunks[1][0].data.write(forged.bytes, at: UInt64(place - dataStart))
        let recording = Recording(chunks, compression: .none, closed: false)
        #expect(Array(recording.bytes[place..<place + Marker.recordSize]) == Array(forged.bytes))

        var bytes = recording.bytes
        bytes[recording.chunkRanges[1].lowerBound + 1] ^= 0xFF
        let reading = try Reading(bytes)
        #expect(reading.chunks.map(\.messages) == [chunks[0], chunks[2]])
        #expect(reading.damages.count == 1)
    }

    @Test func appendedBytesAreReported() throws {
        let recording = Recording(Self.chunks, compression: .none, closed: true)
        let reading = try Reading(recording.bytes + [1, 2, 3])
        let damage = Damage(
            offset: UInt64(recording.bytes.count), length: 3, reason: .trailingBytes, messagesLost: nil)
        #expect(reading.damages == [damage])
        #expect(reading.ending == .closed)
    }

    @Test func descriptionNamesOffsetLossAndRemedy() {
        let damage = Damage(
            offset: 4_096, length: 12, reason: .chunkCRC(expected: 0xAB, actual: 0xCD), messagesLost: 1)
        #expect(
            damage.description == "at byte 4096 (12 bytes): a chunk's checksum is 0xcd, not 0xab; 1 message is lost; "
                + "recover copies all whole chunks into a new file")
    }
}
