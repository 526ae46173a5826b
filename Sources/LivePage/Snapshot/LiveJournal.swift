import Capture
import NIOConcurrencyHelpers
import SystemPackage
import Time

/// An event of a channel or the recording, for the page.
struct LiveEvent: Sendable, Equatable {
    /// Ascending, so that a page knows which events it has shown.
    var number: UInt64
    /// Nanoseconds since 1970.
    var at: UInt64
    var event: CaptureEvent
}

/// State of the subscription, and since when. Times are nanoseconds since 1970.
enum LiveConnection: Sendable, Equatable {
    /// Not yet subscribed in this run.
    case connecting(since: UInt64)
    case subscribed(since: UInt64)
    ///   - cause: the cause in the event.
    case lost(since: UInt64, cause: String)

    mutating func observe(_ event: CaptureEvent, at time: UInt64) {
        switch event.event {
        case "subscribed", CaptureEvent.resumedName:
            self = .subscribed(since: time)
        case "disconnected":
            // A repeated failure is not a new loss, and neither is one before the first success.
            guard case .subscribed = self else { return }
            self = .lost(since: time, cause: event.cause ?? "unknown")
        default:
            break
        }
    }
}

/// Events for the live page, from the recorder's thread: those that it writes to the capture anyway.
///
/// Bounded: in a burst of events the oldest are dropped, and nothing waits for a page.
final class LiveJournal: Sendable {
    /// Events since the last read.
    struct Entries: Sendable {
        var events: [LiveEvent] = []
        /// Events dropped before they were read.
        var overrun = 0
        var connection: LiveConnection
    }

    private struct State {
        var entries: Entries
        var next: UInt64 = 1
    }

    /// Maximum number of unread events; they are read at least once a second.
    static let limit = 512

    private let state: NIOLockedValueBox<State>

    init(at now: Moment = .now()) {
        state = NIOLockedValueBox(State(entries: Entries(connection: .connecting(since: now.realtime))))
    }

    func note(_ event: CaptureEvent, at now: Moment) {
        state.withLockedValue { state in
            // Drops half at a time, so that in a burst the rest is not moved for each event.
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

/// For the live page only. The capture cannot contain the event while writing fails; later its `dropped` events have
/// the same information.
extension CaptureEvent {
    static func writingFailed(_ error: CaptureError) -> CaptureEvent {
        var event = CaptureEvent(event: "writing_failed")
        // Without the path: the page may be seen by people who should not know it.
        if case .system(_, _, let code) = error {
            event.reason = Errno(rawValue: code).description
        } else {
            event.reason = "its directory has changed"
        }
        return event
    }

    /// - Parameter lost: envelopes that could not be written, except those of a pause because of low disk space.
    static func writingResumed(lost: Int) -> CaptureEvent {
        var event = CaptureEvent(event: "writing_resumed")
        event.envelopes = lost
        return event
    }
}
