/// Why a replay was refused or stopped.
public enum ReplayError: Error, Sendable, CustomStringConvertible {
    /// The target is the server that the capture was recorded from.
    case targetIsSource(endpoint: String)
    /// The target refused an envelope or was lost; the envelopes before it were published.
    case stopped(confirmed: Int, cause: String)
    /// Nothing to replay.
    case empty
    /// The capture was recorded without the values of messages.
    case withoutPayload

    public var description: String {
        switch self {
        case .targetIsSource(let endpoint):
            "\(endpoint) is the very server that the capture was recorded from: its live clients would receive old messages; name another target, or allow it with --allow-source"
        case .stopped(let confirmed, let cause):
            "stopped after \(confirmed) confirmed envelopes: \(cause)"
        case .empty:
            "the capture holds no envelopes"
        case .withoutPayload:
            "the capture was recorded with --payload none: its messages have no values, and no client could read them"
        }
    }
}
