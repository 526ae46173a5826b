import DequeModule

/// Captured ids of what was sent and is not confirmed yet, by ordinal.
struct SentIDs {
    private var ids: Deque<UInt64?> = []
    /// Ordinal of the last envelope that was confirmed.
    private(set) var confirmed: Int
    /// Its captured id.
    private(set) var lastConfirmed: UInt64?

    /// - Parameter published: envelopes of this replay that were published before.
    init(published: Int, last: UInt64? = nil) {
        confirmed = published
        lastConfirmed = last
    }

    /// Ordinal of the last envelope that was sent.
    var sent: Int { confirmed + ids.count }

    mutating func append(_ id: UInt64?) {
        ids.append(id)
    }

    /// The last one that an earlier run had published.
    mutating func passed(_ id: UInt64?) { lastConfirmed = id }

    /// - Parameter ordinal: of the last confirmed one.
    mutating func confirm(upTo ordinal: Int) {
        while confirmed < ordinal, let id = ids.popFirst() {
            confirmed += 1
            lastConfirmed = id
        }
    }

    var unconfirmed: [UInt64?] { Array(ids) }
}
