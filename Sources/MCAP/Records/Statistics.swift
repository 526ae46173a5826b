/// What the whole file holds. Times are nanoseconds since 1970, 0 without messages.
///
/// MCAP specification: "Statistics (op=0x0B)".
package struct Statistics: Equatable, Sendable {
    /// Messages in the file, in chunks and outside of them.
    package var messageCount: UInt64 = 0
    /// Different schema ids.
    package var schemaCount: UInt16 = 0
    /// Different channel ids.
    package var channelCount: UInt32 = 0
    /// Attachment records.
    package var attachmentCount: UInt32 = 0
    /// Metadata records.
    package var metadataCount: UInt32 = 0
    /// Chunk records.
    package var chunkCount: UInt32 = 0
    /// Earliest log time, nanoseconds since 1970; 0 without messages.
    package var startTime: UInt64 = 0
    /// Latest log time, nanoseconds since 1970; 0 without messages.
    package var endTime: UInt64 = 0
    /// Number of messages by channel, without empty channels.
    package var channelMessageCounts: [UInt16: UInt64] = [:]

    /// Of an empty file.
    package init() {}

    func encode(into buffer: inout GrowableBuffer) {
        buffer.appendRecord(.statistics) {
            $0.append(messageCount)
            $0.append(schemaCount)
            $0.append(channelCount)
            $0.append(attachmentCount)
            $0.append(metadataCount)
            $0.append(chunkCount)
            $0.append(startTime)
            $0.append(endTime)
            $0.append(channelMessageCounts)
        }
    }

    init(content: UnsafeRawBufferPointer) throws(MalformedRecord) {
        var cursor = ByteCursor(content)
        messageCount = try cursor.integer(UInt64.self, "message_count")
        schemaCount = try cursor.integer(UInt16.self, "schema_count")
        channelCount = try cursor.integer(UInt32.self, "channel_count")
        attachmentCount = try cursor.integer(UInt32.self, "attachment_count")
        metadataCount = try cursor.integer(UInt32.self, "metadata_count")
        chunkCount = try cursor.integer(UInt32.self, "chunk_count")
        startTime = try cursor.integer(UInt64.self, "message_start_time")
        endTime = try cursor.integer(UInt64.self, "message_end_time")
        channelMessageCounts = try cursor.channelMap("channel_message_counts")
    }

    /// Adds one chunk with `counts` messages by channel between the two log times.
    mutating func add(chunkFrom chunkStart: UInt64, until chunkEnd: UInt64, counts: [UInt16: UInt64]) {
        chunkCount += 1
        add(looseFrom: chunkStart, until: chunkEnd, counts: counts)
    }

    /// Adds messages outside chunks.
    mutating func add(looseFrom chunkStart: UInt64, until chunkEnd: UInt64, counts: [UInt16: UInt64]) {
        let added = counts.values.reduce(0, +)
        guard added > 0 else { return }
        startTime = messageCount == 0 ? chunkStart : min(startTime, chunkStart)
        endTime = max(endTime, chunkEnd)
        messageCount += added
        channelMessageCounts.merge(counts.filter { $0.value > 0 }, uniquingKeysWith: +)
    }
}
