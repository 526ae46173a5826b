import DequeModule

/// How far a replay is, over all of its connections and processes: what was confirmed, what was sent, what is in doubt.
/// Decision logic without I/O.
///
/// An envelope is known by its ordinal: the first that is published has 1, in every process that replays the same.
struct ReplayProgress: Equatable, Sendable {
    /// Ordinal of the last envelope that was published for certain, all before it included.
    private(set) var confirmed: Int
    /// Its captured id; nil if it has none.
    private(set) var lastCapturedID: UInt64?
    /// Id that the target gave to the last envelope.
    private(set) var lastID: Int64?
    /// Captured ids of what was sent behind that, in order.
    private var unanswered: Deque<UInt64?> = []
    /// A process before this one may have sent up to here.
    private var sentBefore: Int
    /// What is sent up to here may have been published before: it is named as it comes.
    private var doubtedUpTo = 0
    /// What is in doubt up to here was named: once is enough.
    private var namedUpTo = 0

    /// - Parameters:
    ///   - confirmed: envelopes that processes before this one published for certain.
    ///   - lastCapturedID: of the last of them.
    ///   - lastID: that the target gave it.
    ///   - underWay: how many behind it such a process may have sent.
    init(confirmed: Int = 0, lastCapturedID: UInt64? = nil, lastID: Int64? = nil, underWay: Int = 0) {
        self.confirmed = confirmed
        self.lastCapturedID = lastCapturedID
        self.lastID = lastID
        sentBefore = confirmed + underWay
    }

    /// Ordinal of the last envelope that this process sent, or that needs no sending.
    var sent: Int { confirmed + unanswered.count }

    /// Captured ids of what was sent and is not confirmed.
    var unconfirmed: [UInt64?] { Array(unanswered) }

    // MARK: - Each envelope

    /// An envelope of the capture comes by.
    ///
    /// - Parameter ordinal: counted from 1 by each connection anew.
    /// - Returns: true if it must be sent; then ``send(_:)`` follows.
    mutating func mustSend(ordinal: Int, id: UInt64?) -> Bool {
        guard ordinal <= sent else { return true }
        // The last one that was published before, met again: a process before this one did not tell its id.
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
    ///   - ordinal: of the last envelope that was published; an older one changes nothing.
    ///   - lastID: that the target gave to the last one.
    mutating func confirm(upTo ordinal: Int, lastID: Int64? = nil) {
        while confirmed < ordinal, let id = unanswered.popFirst() {
            confirmed += 1
            lastCapturedID = id
        }
        self.lastID = lastID ?? self.lastID
    }

    /// A connection begins, after one, or a process, that ended with envelopes under way.
    ///
    /// - Parameters:
    ///   - known: how many the target says were published; nil if it knows nothing of this replay.
    ///   - isSameProcess: whether the target's process is still the one that they were sent to. One that was restarted, or
    ///     took over from another, may have lost what it knew last.
    /// - Returns: captured ids of what is in doubt now: it may have been published, and is sent again. Of what a process
    ///   before this one sent they are not known: ``send(_:)`` tells.
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

    /// It will not be sent again.
    ///
    /// - Returns: captured ids of what was sent and not answered.
    mutating func giveUp() -> [UInt64?] { name(unconfirmed) }

    private mutating func name(_ ids: [UInt64?]) -> [UInt64?] {
        let known = max(0, namedUpTo - confirmed)
        namedUpTo = max(namedUpTo, confirmed + ids.count)
        return Array(ids.dropFirst(known))
    }
}
