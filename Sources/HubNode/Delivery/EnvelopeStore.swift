import DequeModule

/// The latest envelopes, ascending by id, for clients that reconnect: bounded in number and in bytes.
struct EnvelopeStore {
    private let maximumCount: Int
    private let maximumBytes: Int
    private var envelopes: Deque<StoredEnvelope> = []
    private(set) var byteCount = 0

    init(maximumCount: Int, maximumBytes: Int) {
        self.maximumCount = maximumCount
        self.maximumBytes = maximumBytes
    }

    var count: Int { envelopes.count }
    var oldestID: UInt64? { envelopes.first?.id }
    var newestID: UInt64? { envelopes.last?.id }

    /// Keeps an envelope and forgets the oldest ones beyond the limits. One with an id below the newest is left out: it
    /// came late, and a client's cursor has passed it.
    mutating func append(_ envelope: StoredEnvelope) {
        if let newestID, envelope.id <= newestID { return }
        envelopes.append(envelope)
        byteCount += envelope.size
        while envelopes.count > maximumCount || byteCount > maximumBytes, let oldest = envelopes.popFirst() {
            byteCount -= oldest.size
        }
    }

    mutating func removeAll() {
        envelopes.removeAll()
        byteCount = 0
    }

    /// Every envelope kept with an id above `after` and up to `through`.
    func envelopes(after: UInt64, through: UInt64 = .max) -> some Sequence<StoredEnvelope> {
        var low = 0
        var high = envelopes.count
        while low < high {
            let middle = (low + high) / 2
            if envelopes[middle].id <= after { low = middle + 1 } else { high = middle }
        }
        return envelopes[low...].prefix { $0.id <= through }
    }
}
