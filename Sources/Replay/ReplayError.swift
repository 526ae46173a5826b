import Capture

/// What else may be done about captured ids that would not be accepted.
package enum IDsRemedy: Sendable, Equatable {
    /// Move them behind the target's counter.
    case rebase
    /// Publish them all the same.
    case force
}

/// Why a replay was refused or stopped.
package enum ReplayError: Error, Sendable, CustomStringConvertible {
    /// The target is the server that the capture was recorded from, and its event key.
    case targetIsSource(endpoint: String, channel: String)
    /// The target refused an envelope or was lost; the report says which were published before.
    case stopped(ReplayReport, cause: String)
    /// Nothing to replay.
    case empty
    /// Options name what the selection does not hold: `what` is "channel" or "hub".
    case notSelected(what: String, names: [String], available: [String])
    /// The capture was recorded without the values of messages.
    case withoutPayload
    /// Captured ids would not be accepted there.
    case idsRefused(reason: String, remedies: [IDsRemedy] = [])
    /// Somebody listens there, and nobody said that this is meant.
    case someoneListens(String)
    /// The checkpoint belongs to something else, or cannot be used.
    case checkpoint(path: String, reason: String)

    package var description: String {
        switch self {
        case .targetIsSource(let endpoint, let channel):
            "\(endpoint) is the very server that the capture was recorded from, and '\(channel)' the event key: its live clients would receive old messages; name another target or another event key, or say that this is meant"
        case .stopped(let report, let cause):
            "stopped after \(report.confirmed) confirmed envelopes"
                + "\(report.lastCapturedID.map { ", captured id \($0)" } ?? ""): \(cause)"
                + (report.publishedBehind > 0
                    ? "; \(report.publishedBehind) behind it were under way and were published" : "")
        case .empty:
            "nothing is selected: the capture holds no such envelopes; 'info' says which event keys, ids and times it has"
        case .notSelected(let what, let names, let available):
            NamesText.missing(what, names, available: available, place: "the selection") + "; nothing was published"
        case .withoutPayload:
            "the capture was recorded without payloads: its messages have no values, and no client could read them"
        case .idsRefused(let reason, _): reason
        case .someoneListens(let who): "\(who); say that this is meant"
        case .checkpoint(let path, let reason): "checkpoint '\(path)': \(reason)"
        }
    }
}
