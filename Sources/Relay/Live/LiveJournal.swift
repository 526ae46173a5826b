import Capture
import NIOConcurrencyHelpers
import Time

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
