import Capture
import NIOConcurrencyHelpers
import SystemPackage
import Time

/// Something that the page tells: what befell a channel or the recording, and when.
struct LiveEvent: Sendable, Equatable {
    /// Ascending, so that a page knows what it has shown.
    var number: UInt64
    /// Nanoseconds since 1970.
    var at: UInt64
    var event: CaptureEvent
}

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

/// What the recorder's thread tells the live page: the events that it notes for the capture anyway.
///
/// Bounded: a storm of events costs the oldest ones, never memory, and nobody waits for a page.
final class LiveJournal: Sendable {
    /// What came since the last look.
    struct Entries: Sendable {
        var events: [LiveEvent] = []
        /// Events that were pushed out before anybody looked.
        var overrun = 0
        var connection: LiveConnection
    }

    private struct State {
        var entries: Entries
        var next: UInt64 = 1
    }

    /// Events that wait for a look at most; one comes at least once a second.
    static let limit = 512

    private let state: NIOLockedValueBox<State>

    init(at now: Moment = .now()) {
        state = NIOLockedValueBox(State(entries: Entries(connection: .connecting(since: now.realtime))))
    }

    func note(_ event: CaptureEvent, at now: Moment) {
        state.withLockedValue { state in
            // Half at a time, so that a storm does not move the rest for each.
            if state.entries.events.count >= Self.limit {
                state.entries.events.removeFirst(Self.limit / 2)
                state.entries.overrun += Self.limit / 2
            }
            state.entries.events.append(LiveEvent(number: state.next, at: now.realtime, event: event))
            state.next += 1
            state.entries.connection.observe(event, at: now.realtime)
        }
    }

    func take() -> Entries {
        state.withLockedValue { state in
            defer {
                state.entries.events = []
                state.entries.overrun = 0
            }
            return state.entries
        }
    }
}

/// For the live page only. A capture cannot be told while it cannot be written; later its `dropped` events say the same.
extension CaptureEvent {
    static func writingFailed(_ error: CaptureError) -> CaptureEvent {
        var event = CaptureEvent(event: "writing_failed")
        // Without the path: the page may be looked at by those who should not know it.
        if case .system(_, _, let code) = error {
            event.reason = Errno(rawValue: code).description
        } else {
            event.reason = "its directory is not as it was"
        }
        return event
    }

    /// - Parameter lost: envelopes that could not be written; those of a pause for want of space are not among them.
    static func writingResumed(lost: Int) -> CaptureEvent {
        var event = CaptureEvent(event: "writing_resumed")
        event.envelopes = lost
        return event
    }
}
