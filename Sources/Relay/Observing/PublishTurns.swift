/// Which observers add their counts to the shared metrics next, and when.
///
/// With many channels adding costs more than counting, so they take turns: metrics of a hundred channels are at most 50
/// ms old, those of a thousand 500 ms; after a pass that took longer, a turn includes correspondingly more. Times are
/// nanoseconds of the monotonic clock.
struct PublishTurns {
    static let interval: UInt64 = 50_000_000
    /// Observers per turn, if it is on time.
    static let longest = 100

    private var observers: Int
    private var next = 0
    /// Number of observers, from `next` on and wrapping around, that may have unpublished counts.
    private var waiting = 0
    private var last: UInt64 = 0

    init(observers: Int) {
        self.observers = observers
    }

    /// Adds one after all others.
    mutating func add() {
        observers += 1
        // The order wraps around at `next`: one more at the end would skip the last waiting observer.
        if waiting > 0 { waiting = observers }
    }

    /// Some observers counted.
    mutating func counted() { waiting = observers }

    /// When the next turn is due; nil if there is nothing to publish.
    var deadline: UInt64? { waiting > 0 ? last + Self.interval : nil }

    /// The turn that is due; empty if none is.
    mutating func take(at now: UInt64) -> Range<Int> {
        guard let deadline, now >= deadline else { return 0..<0 }
        let due = Int(min((now - last) / Self.interval, UInt64(observers))) * Self.longest
        last = now
        let turn = next..<next + min(waiting, due, observers - next)
        next = turn.upperBound == observers ? 0 : turn.upperBound
        waiting -= turn.count
        return turn
    }
}
