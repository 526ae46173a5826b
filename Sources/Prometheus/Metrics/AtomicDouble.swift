public import Synchronization

extension Atomic where Value == Double {
    /// Adds without a lock. Processors have no atomic addition of doubles, so this tries again whenever another thread
    /// came between; bits are compared, not numbers, so a NaN cannot make it spin.
    @inlinable
    func add(_ delta: Double) {
        var seen = load(ordering: .relaxed)
        while true {
            let (done, found) = weakCompareExchange(expected: seen, desired: seen + delta, ordering: .relaxed)
            if done { return }
            seen = found
        }
    }
}
