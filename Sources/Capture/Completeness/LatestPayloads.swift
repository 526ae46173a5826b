import MCAP

/// The last payload of each channel of a chunk since an event: their ids resolve doubts, and most need not be decoded.
struct LatestPayloads {
    private var last: (channelID: UInt16, payload: UnsafeRawBufferPointer)?
    private var others: [UInt16: UnsafeRawBufferPointer] = [:]

    mutating func note(_ payload: UnsafeRawBufferPointer, channelID: UInt16) {
        if let last, last.channelID != channelID { others[last.channelID] = last.payload }
        last = (channelID, payload)
    }

    /// While the chunk is in memory.
    mutating func tell(_ account: inout RecordingAccount, _ channels: [UInt16: Channel]) {
        if let last { others[last.channelID] = last.payload }
        for (id, payload) in others { if let channel = channels[id] { account.recorded(channel.topic, payload) } }
        last = nil
        others.removeAll(keepingCapacity: true)
    }
}
