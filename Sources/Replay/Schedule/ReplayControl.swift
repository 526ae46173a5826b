import Synchronization

/// What somebody asks of a replay while it runs, from any thread.
package final class ReplayControl: Sendable {
    private struct State {
        var isStopped = false
        var isPaused = false
        /// The replaying thread has noticed, and has handed over what it had.
        var isResting = false
        var steps = 0
        var factor = 1.0
    }

    /// Where a replay is.
    package struct Position: Sendable {
        /// Envelopes handed to the connection, of this run and of those before it.
        package var sent = 0
        /// When the last one of them was due, since the start, in nanoseconds; 0 at maximum speed.
        package var offset: UInt64 = 0
        /// Of the last one, in nanoseconds.
        package var lateness: UInt64 = 0
        /// True once nothing more is sent.
        package var isPaused = false
        /// 1 unless the speed was changed.
        package var factor = 1.0
    }

    private let state = Mutex(State())
    private let current = Mutex(Position())

    package init() {}

    /// Ends it in order: what was sent is waited for.
    package func stop() { state.withLock { $0.isStopped = true } }

    /// A pause takes effect within 20 ms; all deadlines behind it move by as much.
    package func togglePause() { state.withLock { $0.isPaused.toggle() } }

    /// One envelope, and then a pause.
    package func step() {
        state.withLock {
            $0.isPaused = true
            $0.steps += 1
        }
    }

    /// - Parameter factor: 2 is twice as fast as now.
    package func changeSpeed(by factor: Double) {
        state.withLock { $0.factor = min(max($0.factor * factor, 0.01), 1_000) }
    }

    /// As of now.
    package var position: Position {
        // First whether it rests: then what it has sent is all of it.
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
