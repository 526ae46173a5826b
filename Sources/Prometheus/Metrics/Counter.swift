package import Synchronization

/// A number that only increases. Thread-safe and wait-free; no increment is lost.
package final class Counter: Sendable {
    @usableFromInline
    let total = Atomic<Int>(0)

    /// An unregistered counter at 0; use ``Registry/counter(_:help:)`` to expose one.
    package init() {}

    /// - Parameter amount: at least 0.
    @inlinable
    package func increment(by amount: Int = 1) {
        precondition(amount >= 0, "a counter never goes down")
        total.wrappingAdd(amount, ordering: .relaxed)
    }

    /// The total so far.
    @inlinable
    package var value: Int {
        total.load(ordering: .relaxed)
    }
}
