import Synchronization

/// What `/-/ready` asks for: is the relay subscribed, and, if it should, does it write?
final class RelayStatus: Sendable {
    private let subscribed = Atomic(false)
    private let writing = Atomic(false)
    private let records: Bool

    /// - Parameter records: false for a relay that only observes.
    init(records: Bool) {
        self.records = records
    }

    var isSubscribed: Bool {
        get { subscribed.load(ordering: .relaxed) }
        set { subscribed.store(newValue, ordering: .relaxed) }
    }

    var isWriting: Bool {
        get { writing.load(ordering: .relaxed) }
        set { writing.store(newValue, ordering: .relaxed) }
    }

    /// nil if ready; else why not, in words.
    var notReadyReason: String? {
        if !isSubscribed { return "not subscribed to Redis" }
        if records, !isWriting { return "the capture is not being written" }
        return nil
    }
}
