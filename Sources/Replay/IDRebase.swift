/// Shifts captured ids so that the first follows a counter. Holes stay holes; where the captured counter was set back,
/// or an id came twice, the next one follows the one before, since ids of the target must ascend.
struct IDRebase: Equatable {
    private var lastCaptured: UInt64?
    private var last: UInt64

    /// - Parameter counter: of the target.
    init(counter: UInt64) {
        last = counter
    }

    /// - Parameter captured: nil for one without an id that counts: it follows the one before.
    mutating func id(for captured: UInt64?) -> UInt64 {
        var step: UInt64 = 1
        if let captured, let lastCaptured, captured > lastCaptured { step = captured - lastCaptured }
        lastCaptured = captured ?? lastCaptured.map { $0 + 1 }
        last += step
        return last
    }
}
