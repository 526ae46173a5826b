public import Synchronization

/// A number that goes up and down. Thread-safe and wait-free.
package final class Gauge: Sendable {
    @usableFromInline
    let current = Atomic<Double>(0)

    /// An unregistered gauge at 0; use ``Registry/gauge(_:help:)`` to expose one.
    package init() {}

    /// - Parameter value: any number, including NaN and infinities. Whole numbers are exact up to 2^53.
    @inlinable
    package func set(_ value: Double) {
        current.store(value, ordering: .relaxed)
    }

    /// - Parameter delta: the amount to add, possibly negative. Concurrent additions are all counted.
    @inlinable
    package func add(_ delta: Double) {
        current.add(delta)
    }

    /// The current value.
    @inlinable
    package var value: Double {
        current.load(ordering: .relaxed)
    }
}

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
