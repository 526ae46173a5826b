import Capture

/// How the subscription is, and since when. Times are nanoseconds since 1970.
enum LiveConnection: Sendable, Equatable {
    /// Not yet subscribed in this run.
    case connecting(since: UInt64)
    case subscribed(since: UInt64)
    /// - cause: the word of the event.
    case lost(since: UInt64, cause: String)

    mutating func observe(_ event: CaptureEvent, at time: UInt64) {
        switch event.event {
        case "subscribed":
            self = .subscribed(since: time)
        case "disconnected":
            // A try that fails again does not make it a new loss; without a first success it is none.
            guard case .subscribed = self else { return }
            self = .lost(since: time, cause: event.cause ?? "unknown")
        default:
            break
        }
    }
}
