package import Synchronization

/// A number that only goes up. Any thread may increment it at any time; no increment is lost and none waits.
package final class Counter: Sendable {
    @usableFromInline
    let total = Atomic<Int>(0)

    /// A counter at 0 that no exposition shows; those of a ``Registry`` come from ``Registry/counter(_:help:)``.
    package init() {}

    /// - Parameter amount: at least 0.
    @inlinable
    package func increment(by amount: Int = 1) {
        precondition(amount >= 0, "a counter never goes down")
        total.wrappingAdd(amount, ordering: .relaxed)
    }

    /// The sum of all increments so far.
    @inlinable
    package var value: Int {
        total.load(ordering: .relaxed)
    }
}
