public import Synchronization

extension Atomic where Value == Double {
    /// Adds without a lock. Processors have no atomic addition of doubles, so this retries if another thread
    /// intervened; it compares bits, not numbers, so that NaN cannot cause an endless loop.
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
