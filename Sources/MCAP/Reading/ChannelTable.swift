/// The channels described so far, with their schemas.
struct ChannelTable {
    private(set) var byID: [UInt16: Channel] = [:]
    /// In order of first appearance.
    private(set) var ids: [UInt16] = []

    /// Used only when they are written again: a broken schema does not affect messages.
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
