/// How a replay went.
public struct ReplayReport: Sendable {
    /// Envelopes that the target confirmed, and their payload bytes without ids.
    public internal(set) var sent = 0
    public internal(set) var bytes = 0
    /// Envelopes without an id: nothing that a node's script published, so nothing to publish again.
    public internal(set) var skipped = 0
    /// Ids that the target gave to the first and the last envelope.
    public internal(set) var firstID: Int64?
    public internal(set) var lastID: Int64?
    /// Receivers of a publish, as the target counted them.
    public internal(set) var receivers = Distribution()
    /// Time that the capture spans, divided by the speed; nil at maximum speed. Nanoseconds.
    public internal(set) var ratedNanoseconds: UInt64?
    public internal(set) var actualNanoseconds: UInt64 = 0
    /// Sent after the deadline, in nanoseconds; empty at maximum speed.
    public internal(set) var lateness = Distribution()
    /// What of the capture could not be read.
    public internal(set) var damage: [String] = []

    public struct Distribution: Sendable, Equatable {
        public internal(set) var count = 0
        public internal(set) var minimum: UInt64 = 0
        public internal(set) var median: UInt64 = 0
        public internal(set) var p99: UInt64 = 0
        public internal(set) var maximum: UInt64 = 0
    }

    /// True if everything in the capture was published.
    public var isComplete: Bool { skipped == 0 && damage.isEmpty }
}
