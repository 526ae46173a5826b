/// Why a replay was refused or stopped.
public enum ReplayError: Error, Sendable, CustomStringConvertible {
    /// The target is the server that the capture was recorded from, and its event key.
    case targetIsSource(endpoint: String, channel: String)
    /// The target refused an envelope or was lost; the envelopes before it were published.
    ///
    /// - `lastID`: captured id of the last one.
    /// - `behind`: published although they stood behind the refused one.
    case stopped(confirmed: Int, lastID: UInt64?, behind: Int, cause: String)
    /// Nothing to replay.
    case empty
    /// The capture was recorded without the values of messages.
    case withoutPayload
    /// Captured ids would not be accepted there.
    case idsRefused(reason: String)
    /// Somebody listens there, and nobody said that this is meant.
    case someoneListens(String)
    /// The checkpoint belongs to something else, or cannot be used.
    case checkpoint(path: String, reason: String)

    public var description: String {
        switch self {
        case .targetIsSource(let endpoint, let channel):
            "\(endpoint) is the very server that the capture was recorded from, and '\(channel)' the event key: its live clients would receive old messages; name another target or another event key (--map-channel), or allow it with --allow-source"
        case .stopped(let confirmed, let lastID, let behind, let cause):
            "stopped after \(confirmed) confirmed envelopes\(lastID.map { ", captured id \($0)" } ?? ""): \(cause)"
                + (behind > 0 ? "; \(behind) behind it were under way and were published" : "")
        case .empty:
            "nothing is selected: the capture holds no such envelopes; 'info' says which event keys, ids and times it has"
        case .withoutPayload:
            "the capture was recorded with --payload none: its messages have no values, and no client could read them"
        case .idsRefused(let reason): reason
        case .someoneListens(let who): "\(who); --yes says that this is meant, --dry-run shows what would be done"
        case .checkpoint(let path, let reason): "checkpoint '\(path)': \(reason)"
        }
    }
}
