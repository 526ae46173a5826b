import DequeModule

/// The progress of a replay over all connections and processes: confirmed, sent and uncertain envelopes. Decision logic
/// without I/O.
///
/// An envelope is identified by its ordinal: the first published envelope has 1, in every process of the same replay.
struct ReplayProgress: Equatable, Sendable {
    /// Ordinal of the last envelope certainly published, together with all before it.
    private(set) var confirmed: Int
    /// Its captured id; nil if it has none.
    private(set) var lastCapturedID: UInt64?
    /// Id that the target assigned to the last envelope.
    private(set) var lastID: Int64?
    /// Captured ids of envelopes sent after that, in order.
    private var unanswered: Deque<UInt64?> = []
    /// A previous process may have sent up to here.
    private var sentBefore: Int
    /// Envelopes sent up to here may have been published before: each is reported when sent.
    private var doubtedUpTo = 0
    /// Uncertain envelopes up to here were already reported.
    private var namedUpTo = 0

    /// - Parameters:
    ///   - confirmed: envelopes certainly published by previous processes.
    ///   - lastCapturedID: of the last of them.
    ///   - lastID: assigned to it by the target.
    ///   - underWay: number of further envelopes that such a process may have sent.
    init(confirmed: Int = 0, lastCapturedID: UInt64? = nil, lastID: Int64? = nil, underWay: Int = 0) {
        self.confirmed = confirmed
        self.lastCapturedID = lastCapturedID
        self.lastID = lastID
        sentBefore = confirmed + underWay
    }

    /// Ordinal of the last envelope that this process sent, or need not send.
    var sent: Int { confirmed + unanswered.count }

    /// Captured ids of sent but unconfirmed envelopes.
    var unconfirmed: [UInt64?] { Array(unanswered) }

    // MARK: - Each envelope

    /// The next envelope of the capture.
    ///
    /// - Parameter ordinal: counted from 1 by each connection.
    /// - Returns: true if it must be sent; then ``send(_:)`` follows.
    mutating func mustSend(ordinal: Int, id: UInt64?) -> Bool {
        guard ordinal <= sent else { return true }
        // The last published envelope again: a previous process did not record its id.
        if ordinal == confirmed, unanswered.isEmpty { lastCapturedID = id }
        return false
    }

    /// - Returns: true if it may have been published before.
    mutating func send(_ id: UInt64?) -> Bool {
        unanswered.append(id)
        guard sent <= doubtedUpTo, sent > namedUpTo else { return false }
        namedUpTo = sent
        return true
    }

    // MARK: - Answers

    /// - Parameters:
    ///   - ordinal: of the last published envelope; an older one changes nothing.
    ///   - lastID: assigned by the target to the last one.
    mutating func confirm(upTo ordinal: Int, lastID: Int64? = nil) {
        while confirmed < ordinal, let id = unanswered.popFirst() {
            confirmed += 1
            lastCapturedID = id
        }
        self.lastID = lastID ?? self.lastID
    }

    /// A connection starts, after one, or a process, that ended with unanswered envelopes.
    ///
    /// - Parameters:
    ///   - known: number of published envelopes according to the target; nil if it has no record of this replay.
    ///   - isSameProcess: whether it is still the same server process. After a restart or failover the target may have
    ///     lost its latest data.
    /// - Returns: captured ids of envelopes that are now uncertain: they may have been published, and are sent again.
    ///   For envelopes sent by a previous process they are unknown: ``send(_:)`` reports them.
    mutating func resume(known: Int?, isSameProcess: Bool) -> [UInt64?] {
        let sent = max(sentBefore, sent)
        let published = max(known ?? 0, confirmed)
        let isExact = isSameProcess && known.map { $0 >= confirmed } ?? false
        confirm(upTo: published)
        let again = unconfirmed
        unanswered = []
        confirmed = published
        sentBefore = published
        guard !isExact, sent > published else { return [] }
        guard published + again.count == sent else {
            doubtedUpTo = max(doubtedUpTo, sent)
            return []
        }
        return name(again)
    }

    /// There will be no further attempt.
    ///
    /// - Returns: captured ids of sent but unanswered envelopes.
    mutating func giveUp() -> [UInt64?] { name(unconfirmed) }

    private mutating func name(_ ids: [UInt64?]) -> [UInt64?] {
        let known = max(0, namedUpTo - confirmed)
        namedUpTo = max(namedUpTo, confirmed + ids.count)
        return Array(ids.dropFirst(known))
    }
}
