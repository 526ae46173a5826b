import Testing

@testable import MCAP

@Suite struct ChunkBuilderTests {
    @Test func countsAndTimes() {
        var builder = Recording.builder()
        #expect(builder.isEmpty == true)
        #expect(builder.byteCount == 0)
        #expect((builder.startTime, builder.endTime) == (0, 0))
        let empty = UnsafeRawBufferPointer(start: nil, count: 0)
        builder.append(channelID: 1, sequence: 1, logTime: 20, publishTime: 1, data: empty)
        builder.append(channelID: 2, sequence: 2, logTime: 10, publishTime: 2, data: empty)
        #expect(builder.isEmpty == false)
        #expect(builder.messageCount == 2)
        #expect((builder.startTime, builder.endTime) == (10, 20))
        #expect(builder.indexes.messageCounts == [1: 1, 2: 1])
    }

    @Test func resetClearsMessagesButNotChannels() throws {
        var builder = Recording.builder()
        let messages = TestMessage.chunks(1, messagesEach: 20, dataSize: 5...5, seed: 1)[0]
        builder.append(messages)
        let first = Array(builder.records.bytes)
        builder.reset()
        #expect(builder.isEmpty == true)
        #expect(builder.byteCount == 0)
        #expect((builder.startTime, builder.endTime) == (0, 0))
        #expect(builder.indexes.messageCounts.isEmpty)
        builder.append(messages)
        #expect(Array(builder.records.bytes) == first)
    }

    @Test func oversizedMessageReleasesItsMemory() {
        var builder = Recording.builder()
        var message = TestMessage.chunks(1, messagesEach: 1, dataSize: 1...1, seed: 1)[0][0]
        message.data = Array(repeating: 0, count: 8 << 20)
        builder.append([message])
        #expect(builder.records.capacity > 8 << 20)
        builder.reset()
        #expect(builder.records.capacity <= Memory.keptAtMost)
    }

    @Test func ordinaryChunksKeepTheirMemory() {
        var builder = Recording.builder()
        let messages = TestMessage.chunks(1, messagesEach: 1_000, dataSize: 200...200, seed: 1)[0]
        builder.append(messages)
        builder.reset()
        let before = (builder.records.base, builder.records.capacity)
        builder.append(messages)
        #expect((builder.records.base, builder.records.capacity) == before)
    }

    @Test func highAndLowChannelIDs() {
        var indexes = MessageIndexes()
        for id in [UInt16.max, 0, 300, 5, 6, 7] { _ = indexes.makeSlot(for: id) }
        #expect(indexes.slot(of: .max) == 0)
        #expect(indexes.slot(of: 0) == 1)
        #expect(indexes.slot(of: 7) == 5)
        #expect(indexes.slot(of: 8) == -1)
        #expect(indexes.makeSlot(for: 300) == 2)
    }
}
