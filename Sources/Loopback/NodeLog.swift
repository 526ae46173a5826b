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
