/// What was recorded or lost of one Redis channel, for a chunk, a segment or an outage.
///
/// Ids are exact ranges: a run continues until ``breakRun()`` marks the next id as not contiguous.
package struct ChannelTally: Sendable, Equatable {
    /// Maximum number of ranges; beyond it the last one is extended over the ids in between.
    static let rangeLimit = 1_000

    /// All, those without an id among them.
    package var envelopes = 0
    /// Payload bytes.
    package var bytes = 0
    @usableFromInline
    var last: UInt64?
    /// nil without an envelope that has an id.
    package var lastID: UInt64? { last }
    @usableFromInline
    var runStart: UInt64?
    private var ended: [ClosedRange<UInt64>] = []

    package init() {}

    /// - Parameters:
    ///   - id: nil for a payload without one.
    ///   - count: bytes of the payload.
    @inlinable
    package mutating func add(id: UInt64?, bytes count: Int) {
        envelopes &+= 1
        bytes &+= count
        guard let id else { return }
        if runStart == nil { runStart = id }
        last = id
    }

    /// The next id is not contiguous.
    package mutating func breakRun() {
        guard let runStart, let lastID else { return }
        self.runStart = nil
        Self.append(min(runStart, lastID)...max(runStart, lastID), to: &ended)
    }

    /// What follows on this.
    package mutating func add(_ later: ChannelTally) {
        envelopes += later.envelopes
        bytes += later.bytes
        breakRun()
        for range in later.ids { Self.append(range, to: &ended) }
        last = later.last ?? last
    }

    /// The ids in order of arrival; contiguous ranges are merged.
    package var ids: [ClosedRange<UInt64>] {
        var all = self
        all.breakRun()
        return all.ended
    }

    /// Upper bound for the number of ranges in ``ids``.
    var rangeCount: Int { ended.count + (runStart == nil ? 0 : 1) }

    /// nil without an envelope that has an id.
    package var firstID: UInt64? { ended.first?.lowerBound ?? runStart }

    private static func append(_ range: ClosedRange<UInt64>, to ranges: inout [ClosedRange<UInt64>]) {
        guard let last = ranges.last else { return ranges.append(range) }
        let next = last.upperBound == .max ? last.upperBound : last.upperBound + 1
        let follows = (last.lowerBound...next).contains(range.lowerBound)
        if follows || ranges.count >= rangeLimit {
            ranges[ranges.count - 1] =
                min(last.lowerBound, range.lowerBound)...max(last.upperBound, range.upperBound)
        } else {
            ranges.append(range)
        }
    }
}
