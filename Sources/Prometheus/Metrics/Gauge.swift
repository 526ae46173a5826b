package import Synchronization

/// A number that goes up and down. Any thread may change it at any time; none waits.
package final class Gauge: Sendable {
    @usableFromInline
    let current = Atomic<Double>(0)

    /// A gauge at 0 that no exposition shows; those of a ``Registry`` come from ``Registry/gauge(_:help:)``.
    package init() {}

    /// - Parameter value: any number, NaN and the infinities too. Whole numbers are exact up to 2^53.
    @inlinable
    package func set(_ value: Double) {
        current.store(value, ordering: .relaxed)
    }

    /// - Parameter delta: what to add, negative to go down. Concurrent additions all count.
    @inlinable
    package func add(_ delta: Double) {
        current.add(delta)
    }

    /// As it was set last.
    @inlinable
    package var value: Double {
        current.load(ordering: .relaxed)
    }
}
