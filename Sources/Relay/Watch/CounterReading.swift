import Capture

/// What a look at the counter of a channel brought.
enum CounterReading: Sendable, Equatable {
    /// The last id that was given out.
    case value(UInt64)
    case unreadable(RecordingDoubt.Reason)
}

/// A look at all counters, as it stands in the stream of what arrives.
struct CounterReadings: Sendable {
    /// By channel index.
    var counters: [CounterReading]
    /// True if whatever Redis had sent when the counters were read stands before this in the stream; else nothing more
    /// will come of it.
    var isFenced: Bool
    /// The relay stops.
    var isLast: Bool
}
