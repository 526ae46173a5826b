import Synchronization

/// Controls a running replay. Thread-safe.
package final class ReplayControl: Sendable {
    private struct State {
        var isStopped = false
        var isPaused = false
        /// The replaying thread has paused, after sending what was due.
        var isResting = false
        var steps = 0
        var factor = 1.0
    }

    /// The position of a replay.
    package struct Position: Sendable {
        /// Envelopes handed to the connection, including earlier runs.
        package var sent = 0
        /// When the last one was due, since the start, in nanoseconds; 0 at maximum speed.
        package var offset: UInt64 = 0
        /// Delay of the last one, in nanoseconds.
        package var lateness: UInt64 = 0
        /// True once nothing more is sent.
        package var isPaused = false
        /// 1 unless the speed was changed.
        package var factor = 1.0
    }

    private let state = Mutex(State())
    private let current = Mutex(Position())

    /// A replay with it runs at its own speed, without a pause.
    package init() {}

    /// Stops it gracefully: waits for the replies to sent envelopes.
    package func stop() { state.withLock { $0.isStopped = true } }

    /// A pause takes effect within 20 ms; all later deadlines are shifted.
    package func togglePause() { state.withLock { $0.isPaused.toggle() } }

    /// Publishes one envelope, then pauses.
    package func step() {
        state.withLock {
            $0.isPaused = true
            $0.steps += 1
        }
    }

    /// - Parameter factor: 2 doubles the current speed.
    package func changeSpeed(by factor: Double) {
        state.withLock { $0.factor = min(max($0.factor * factor, 0.01), 1_000) }
    }

    /// The current position.
    package var position: Position {
        // Read the pause first: then the position is final.
        let (isPaused, factor) = state.withLock { ($0.isPaused && $0.isResting, $0.factor) }
        var position = current.withLock { $0 }
        (position.isPaused, position.factor) = (isPaused, factor)
        return position
    }

    var isStopped: Bool { state.withLock { $0.isStopped } }
    var isPaused: Bool { state.withLock { $0.isPaused } }
    var factor: Double { state.withLock { $0.factor } }

    func rests(_ isResting: Bool) { state.withLock { $0.isResting = isResting } }

    func takeStep() -> Bool {
        state.withLock { state in
            guard state.steps > 0 else { return false }
            state.steps -= 1
            return true
        }
    }

    func sent(_ count: Int, offset: UInt64) {
        current.withLock {
            $0.sent = count
            $0.offset = offset
        }
    }

    func late(by lateness: UInt64) { current.withLock { $0.lateness = lateness } }
}
