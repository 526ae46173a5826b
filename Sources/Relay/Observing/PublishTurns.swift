/// Which observers add what they counted to the shared metrics next, and when.
///
/// With many channels adding costs more than counting, so they take turns: the metrics of a hundred channels are 50 ms
/// old at most, those of a thousand 500 ms; after a pass that took longer, a turn is as much longer. Times are
/// nanoseconds of the monotonic clock.
struct PublishTurns {
    static let interval: UInt64 = 50_000_000
    /// Observers in a turn that is on time.
    static let longest = 100

    private var observers: Int
    private var next = 0
    /// How many, from `next` on and round, may have counted since they added.
    private var waiting = 0
    private var last: UInt64 = 0

    init(observers: Int) {
        self.observers = observers
    }

    /// One more comes, behind all others.
    mutating func add() {
        observers += 1
        // They go round from `next` on: one more at the end would leave out the last that waits.
        if waiting > 0 { waiting = observers }
    }

    /// Some observers counted.
    mutating func counted() { waiting = observers }

    /// When the next turn is due; nil if nobody has counted.
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
