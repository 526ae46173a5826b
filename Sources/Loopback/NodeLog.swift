package import Backplane
import HubNode
import NIOConcurrencyHelpers

/// The counter was set back: ids are assigned a second time.
package struct CounterReset: Equatable, Sendable, Encodable {
    package let from: UInt64
    /// 0 if its key is gone.
    package let to: UInt64

    package init(from: UInt64, to: UInt64) {
        self.from = from
        self.to = to
    }
}

/// Records what an in-process node reports about the backplane.
package final class NodeLog: HubNodeObserver {
    package struct State: Sendable {
        package var missed = MissedIDs()
        package var resets: [CounterReset] = []
        /// The reason of each lost connection.
        package var closures: [String] = []

        package init() {}
    }

    private let state = NIOLockedValueBox(State())
    private let onPublished: @Sendable (_ envelope: UInt64, _ key: String, _ value: [UInt8]) -> Void

    package init(onPublished: @escaping @Sendable (_ envelope: UInt64, _ key: String, _ value: [UInt8]) -> Void) {
        self.onPublished = onPublished
    }

    package var current: State { state.withLockedValue { $0 } }

    package func published(id: UInt64, message: Message) {
        onPublished(id, message.key, message.value)
    }

    package func opened() {}

    package func closed(reason: String) {
        state.withLockedValue { $0.closures.append(reason) }
    }

    package func missed(from: UInt64, to: UInt64) {
        guard from <= to else { return }
        state.withLockedValue { $0.missed.insert(from...to) }
    }

    package func counterReset(from: UInt64, to: UInt64) {
        state.withLockedValue { $0.resets.append(CounterReset(from: from, to: to)) }
    }
}

/// The ids that a node missed.
package struct MissedIDs: Equatable, Sendable {
    /// Ascending and disjoint.
    package private(set) var ranges: [ClosedRange<UInt64>] = []

    package mutating func insert(_ range: ClosedRange<UInt64>) {
        var merged = range
        var others: [ClosedRange<UInt64>] = []
        for other in ranges {
            let touches =
                other.overlaps(merged) || (other.upperBound < .max && other.upperBound + 1 == merged.lowerBound)
                || (merged.upperBound < .max && merged.upperBound + 1 == other.lowerBound)
            if touches {
                merged = min(merged.lowerBound, other.lowerBound)...max(merged.upperBound, other.upperBound)
            } else {
                others.append(other)
            }
        }
        others.append(merged)
        ranges = others.sorted { $0.lowerBound < $1.lowerBound }
    }

    /// The range that contains this id; nil if the node received it.
    package func range(around id: UInt64) -> ClosedRange<UInt64>? {
        ranges.first { $0.contains(id) }
    }
}
