extension DecodedChunk {
    /// Validates every length in the uncompressed records, and collects channels, times and message indexes.
    ///
    /// - Parameter keepsSchemas: for files of ours, whose chunks contain the schemas of their channels.
    func walk(channels known: inout ChannelTable, keepsSchemas: Bool) throws(RecordFault) {
        messageIndexes.removeMessages()
        messageCount = 0
        described.removeAll(keepingCapacity: true)
        if !schemas.isEmpty { schemas.removeAll() }
        var earliest = UInt64.max
        var latest: UInt64 = 0
        var position = 0
        while position < records.count {
            guard records.count - position >= Layout.recordHeader else { throw Self.malformed("length") }
            let length = UInt64(littleEndian: records.loadUnaligned(fromByteOffset: position + 1, as: UInt64.self))
            let contentStart = position + Layout.recordHeader
            guard length <= UInt64(records.count - contentStart) else { throw Self.malformed("length") }
            let content = UnsafeRawBufferPointer(rebasing: records[contentStart..<contentStart + Int(length)])
            switch records[position] {
            case Opcode.message.rawValue:
                guard content.count >= Layout.messageHeader else { throw Self.malformed("message") }
                let channelID = UInt16(littleEndian: content.loadUnaligned(as: UInt16.self))
                let logTime = UInt64(littleEndian: content.loadUnaligned(fromByteOffset: 6, as: UInt64.self))
                messageIndexes.append(
                    slot: try slot(of: channelID, known), logTime: logTime, offset: UInt64(position))
                earliest = min(earliest, logTime)
                latest = max(latest, logTime)
                messageCount += 1
            case Opcode.channel.rawValue:
                let channel: Channel
                do { channel = try Channel(content: content) } catch { throw Self.malformed("channel") }
                try known.add(channel)
                described[channel.id] = channel
            case Opcode.schema.rawValue where keepsSchemas:
                guard let schema = try? Schema(content: content) else { throw Self.malformed("schema") }
                known.add(schema)
                schemas[schema.id] = schema
            default:
                // From a later format or another program.
                break
            }
            position = contentStart + Int(length)
        }
        index.startTime = messageCount == 0 ? 0 : earliest
        index.endTime = latest
        collectChannels(known)
    }

    private func slot(of channelID: UInt16, _ known: ChannelTable) throws(RecordFault) -> Int {
        let slot = messageIndexes.slot(of: channelID)
        // An empty slot may come from another chunk that was lost together with its channels.
        if slot >= 0, !messageIndexes.isEmpty(slot: slot) { return slot }
        guard known.byID[channelID] != nil else {
            throw RecordFault(reason: .unknownChannel(channelID), framingHolds: true)
        }
        return messageIndexes.makeSlot(for: channelID)
    }

    private func collectChannels(_ known: ChannelTable) {
        channels.removeAll(keepingCapacity: true)
        foreignChannelID = described.values.first { $0.schemaID != 0 && schemas[$0.schemaID] == nil }?.id
        for slot in 0..<messageIndexes.slotCount where !messageIndexes.isEmpty(slot: slot) {
            let id = messageIndexes.channelID(ofSlot: slot)
            guard let channel = known.byID[id] else { continue }
            channels[id] = channel
            if described[id] == nil { foreignChannelID = id }
        }
    }

    private static func malformed(_ field: String) -> RecordFault {
        RecordFault(reason: .malformed(opcode: Opcode.chunk.rawValue, field: "records (\(field))"), framingHolds: true)
    }
}
