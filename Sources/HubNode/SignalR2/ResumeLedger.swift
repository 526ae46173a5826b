/// Determines whether a reconnecting client gets everything it missed: decision logic without I/O.
///
/// A node has what it received since it subscribed, up to the limit of its store. It lacks what was published earlier
/// or while it was deaf; only the counter shows whether there was anything.
/// while it was deaf, it does not have; only the counter tells whether there was anything.
struct ResumeLedger {
    enum Verdict: Equatable {
        case complete
        /// Envelopes after the cursor are not available, or the cursor is beyond the counter, which was set back.
        case incomplete
        /// The counter must be read first.
        case unknown
    }

    /// Maximum number of cursors waiting for the counter; further ones are not counted.
    static let maximumWaiting = 100_000

    /// Everything after this id was received; nil until the counter or an envelope shows it.
    private(set) var heldAfter: UInt64?
    /// The last received envelope.
    private var newest: UInt64?
    /// The value of ``heldAfter`` before the connection was lost, until the first envelope afterwards.
    private var heldBefore: UInt64?
    private var waiting: [UInt64] = []

    /// - Parameters:
    ///   - cursor: the client's last envelope.
    ///   - oldestStored: the first one in the store.
    func verdict(of cursor: UInt64, oldestStored: UInt64?) -> Verdict {
        guard let heldAfter else { return .unknown }
        if cursor > max(heldAfter, newest ?? 0) { return .unknown }
        let forgotten = oldestStored.map { $0 > 0 ? $0 - 1 : 0 } ?? 0
        return cursor >= max(heldAfter, forgotten) ? .complete : .incomplete
    }

    /// Keeps an undecided cursor.
    mutating func wait(_ cursor: UInt64) {
        if waiting.count < Self.maximumWaiting { waiting.append(cursor) }
    }

    /// Decides waiting cursors.
    ///
    /// - Parameter counter: nil if it cannot be read.
    /// - Returns: those with incomplete resumes.
    mutating func settle(counter: UInt64?, oldestStored: UInt64?) -> [UInt64] {
        var incomplete: [UInt64] = []
        var still: [UInt64] = []
        for cursor in waiting {
            switch verdict(of: cursor, oldestStored: oldestStored) {
            case .complete: break
            case .incomplete: incomplete.append(cursor)
            case .unknown:
                if let counter {
                    // Up to the counter, only we have not received it yet.
                    if cursor > counter { incomplete.append(cursor) }
                } else if heldAfter == nil {
                    still.append(cursor)
                }
            }
        }
        waiting = still
        return incomplete
    }

    /// The connection is open, and the counter was at this id: everything after it is received.
    mutating func opened(counter: UInt64?) {
        guard let counter else { return }
        if let newest, counter <= newest { return }
        heldBefore = heldAfter
        heldAfter = counter
    }

    mutating func heard(_ id: UInt64) {
        defer { newest = id }
        guard let held = heldAfter else {
            heldAfter = id > 0 ? id - 1 : 0
            return
        }
        guard heldBefore != nil || id <= held else { return }
        if id <= held {
            // Published between the subscription and the reading of the counter.
            heldAfter = newest.map { $0 &+ 1 } == id ? heldBefore ?? id - 1 : id > 0 ? id - 1 : 0
        }
        heldBefore = nil
    }

    /// Ids up to this one were missed.
    mutating func missed(through id: UInt64) {
        heldAfter = id
        heldBefore = nil
    }

    /// The counter was set back: this id is the first of the new count.
    mutating func reset(to id: UInt64) {
        heldAfter = id > 0 ? id - 1 : 0
        heldBefore = nil
        newest = nil
    }
}
