import Synchronization

/// Says that a ``Tail`` comes to its end, to an output that waits for its reader.
package final class TailStop: Sendable {
    private let flag = Atomic(false)

    package init() {}

    package var isRequested: Bool { flag.load(ordering: .acquiring) }

    func request() { flag.store(true, ordering: .releasing) }
}
