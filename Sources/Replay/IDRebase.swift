import Backplane

/// Shifts captured ids so that the first follows a counter. Holes stay holes; where the captured counter was set back,
/// or an id came twice, the next one follows the one before, since ids of the target must ascend.
///
/// Where several counters published in turn, each id follows the one before: their distances mean nothing.
struct IDRebase {
    private var tracker = CounterTracker()
    private var last: UInt64

    /// - Parameter counter: of the target.
    init(counter: UInt64) {
        last = counter
    }

    /// - Parameter captured: nil for one without an id that counts: it follows the one before.
    mutating func id(for captured: UInt64?) -> UInt64 {
        var step: UInt64 = 1
        if let id = captured ?? tracker.lastID.map({ $0 &+ 1 }), case .one(.gap(let from, let to)) = tracker.observe(id)
        {
            step = to - from + 2
        }
        last += step
        return last
    }
}
