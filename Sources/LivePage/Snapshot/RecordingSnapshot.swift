/// Tracks whether recording works, and the losses while it does not. Times are nanoseconds since 1970.
struct RecordingSnapshot: Sendable {
    private(set) var state: ChannelState.Recording
    private(set) var drops: ChannelState.Drops?
    private let records: Bool
    /// As of the last look.
    private var lost = 0
    private var overflowed = 0
    private var oversized = 0
    /// `lost` at the start of the outage.
    private var baseline = 0

    init(records: Bool) {
        self.records = records
        state = records ? .writing : .off
    }

    /// - Parameters:
    ///   - isWriting, isDiskLow: as reported by the recorder.
    ///   - lost: envelopes that could not be written, since the start.
    ///   - overflowed: envelopes dropped because memory was full, since the start.
    ///   - oversized: envelopes larger than the whole intake, since the start.
    mutating func look(
        isWriting: Bool, isDiskLow: Bool, lost: Int, overflowed: Int, oversized: Int = 0, at now: UInt64
    ) {
        defer { (self.lost, self.overflowed, self.oversized) = (lost, overflowed, oversized) }
        if overflowed > self.overflowed || oversized > self.oversized {
            dropped(overflowed - self.overflowed, oversized: oversized - self.oversized, at: now)
        }
        guard records else { return }
        switch (isDiskLow, isWriting) {
        case (true, _):
            if case .paused(let since, _) = state {
                state = .paused(since: since, lost: lost - baseline)
            } else {
                baseline = self.lost
                state = .paused(since: now, lost: lost - baseline)
            }
        case (false, false):
            if case .failing(let since, _) = state {
                state = .failing(since: since, lost: lost - baseline)
            } else {
                baseline = self.lost
                state = .failing(since: now, lost: lost - baseline)
            }
        case (false, true):
            state = .writing
        }
    }

    private mutating func dropped(_ envelopes: Int, oversized: Int, at now: UInt64) {
        var new = ChannelState.Drops(
            firstAt: now, lastAt: now, envelopes: envelopes + oversized, oversized: oversized)
        if let last = drops, last.lastAt + ChannelState.newsSpan > now {
            new.firstAt = last.firstAt
            new.envelopes += last.envelopes
            new.oversized += last.oversized
        }
        drops = new
    }
}
