/// Collects the messages of one chunk.
///
/// ``append(channelID:sequence:logTime:publishTime:data:)`` is the hot path: once warm it does not allocate, and it
/// copies the data once. ``reset()`` prepares for the next chunk.
@frozen
package struct ChunkBuilder: ~Copyable {
    /// The chunk's records so far, uncompressed.
    @usableFromInline var records: GrowableBuffer
    @usableFromInline var indexes: MessageIndexes
    /// The registered channels, in the order of the slots of `indexes`.
    @usableFromInline var channels: [Channel] = []
    /// By id, those of the registered channels.
    @usableFromInline var schemas: [UInt16: Schema] = [:]
    /// Schemas already written to the chunk.
    @usableFromInline var usedSchemas: [UInt16] = []

    /// Messages since the last ``reset``.
    @inlinable
    package var messageCount: Int { appended }
    @usableFromInline var appended = 0
    @usableFromInline var earliest = UInt64.max
    @usableFromInline var latest: UInt64 = 0

    /// An empty chunk.
    package init() {
        records = GrowableBuffer(capacity: 1 << 16)
        indexes = MessageIndexes()
    }

    /// Whether no message is in it.
    @inlinable
    package var isEmpty: Bool { appended == 0 }

    /// Uncompressed size of the records so far, including channel records.
    @inlinable
    package var byteCount: Int { records.count }

    /// Earliest log time of the messages so far, nanoseconds; 0 without messages.
    package var startTime: UInt64 { isEmpty ? 0 : earliest }

    /// Latest log time of the messages so far, nanoseconds; 0 without messages.
    package var endTime: UInt64 { latest }

    /// Registers a channel before its first message. Its record is written to each chunk before its first message
    /// there.
    ///
    /// - Parameter schema: the channel's schema, if any, written before the channel.
    /// - Precondition: the id is not registered for another channel.
    package mutating func register(_ channel: Channel, schema: Schema? = nil) {
        precondition(channel.schemaID == schema?.id ?? 0, "a channel needs the schema that it names")
        if let schema { schemas[schema.id] = schema }
        let slot = indexes.makeSlot(for: channel.id)
        if slot < channels.count {
            precondition(channels[slot] == channel, "channel id \(channel.id) is registered as another channel")
        } else {
            channels.append(channel)
        }
    }

    /// Adds one message.
    ///
    /// - Parameters:
    ///   - channelID: a registered channel.
    ///   - logTime: when it was received, nanoseconds since 1970.
    ///   - publishTime: when it was published, nanoseconds since 1970; `logTime` if unknown.
    ///   - data: copied.
    @inlinable
    package mutating func append(
        channelID: UInt16, sequence: UInt32, logTime: UInt64, publishTime: UInt64, data: UnsafeRawBufferPointer
    ) {
        let slot = indexes.slot(of: channelID)
        precondition(slot >= 0, "register a channel before its first message")
        if indexes.isEmpty(slot: slot) { appendChannelRecord(slot: slot) }

        let offset = records.count
        let record = records.extend(by: 31 + data.count)
        record.storeBytes(of: 0x05, as: UInt8.self)
        (record + 1).storeBytes(of: UInt64(22 + data.count).littleEndian, as: UInt64.self)
        (record + 9).storeBytes(of: channelID.littleEndian, as: UInt16.self)
        (record + 11).storeBytes(of: sequence.littleEndian, as: UInt32.self)
        (record + 15).storeBytes(of: logTime.littleEndian, as: UInt64.self)
        (record + 23).storeBytes(of: publishTime.littleEndian, as: UInt64.self)
        if let start = data.baseAddress {
            (record + 31).copyMemory(from: start, byteCount: data.count)
        }
        indexes.append(slot: slot, logTime: logTime, offset: UInt64(offset))
        if logTime < earliest { earliest = logTime }
        if logTime > latest { latest = logTime }
        appended &+= 1
    }

    /// Removes the messages. Channels and ordinary capacity stay; memory of an oversized message is freed.
    package mutating func reset() {
        records.removeAll(keepingAtMost: Memory.keptAtMost)
        indexes.removeMessages()
        if !usedSchemas.isEmpty { usedSchemas.removeAll(keepingCapacity: true) }
        appended = 0
        earliest = .max
        latest = 0
    }

    @usableFromInline
    @inline(never)
    mutating func appendChannelRecord(slot: Int) {
        let id = channels[slot].schemaID
        if id != 0, !usedSchemas.contains(id), let schema = schemas[id] {
            schema.encode(into: &records)
            usedSchemas.append(id)
        }
        channels[slot].encode(into: &records)
    }
}
