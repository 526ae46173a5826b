/// What was recorded, or lost, of one Redis channel: kept for the open chunk and for the segment.
public struct ChannelTally: Sendable, Equatable {
    public var envelopes = 0
    /// Payload bytes.
    public var bytes = 0
    public var firstID: UInt64?
    public var lastID: UInt64?

    public init() {}

    @inlinable
    public mutating func add(id: UInt64?, bytes count: Int) {
        envelopes &+= 1
        bytes &+= count
        guard let id else { return }
        if firstID == nil { firstID = id }
        lastID = id
    }

    public mutating func add(_ later: ChannelTally) {
        envelopes += later.envelopes
        bytes += later.bytes
        firstID = firstID ?? later.firstID
        lastID = later.lastID ?? lastID
    }

    /// Smallest to largest of first and last id; nil without ids.
    public var ids: ClosedRange<UInt64>? {
        guard let firstID, let lastID else { return nil }
        return min(firstID, lastID)...max(firstID, lastID)
    }
}
