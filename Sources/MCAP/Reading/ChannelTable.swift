/// The channels that a file has described so far, and their schemas.
struct ChannelTable {
    private(set) var byID: [UInt16: Channel] = [:]
    /// In the order of their first record.
    private(set) var ids: [UInt16] = []

    /// Told to nobody but who writes them again: a broken one breaks no message.
    private(set) var schemas: [UInt16: Schema] = [:]

    var inOrder: [Channel] { ids.compactMap { byID[$0] } }

    mutating func add(_ schema: Schema) { schemas[schema.id] = schema }

    mutating func add(_ channel: Channel) throws(RecordFault) {
        if let known = byID[channel.id] {
            guard known == channel else { throw RecordFault(reason: .channelConflict(channel.id), framingHolds: true) }
        } else {
            byID[channel.id] = channel
            ids.append(channel.id)
        }
    }
}
