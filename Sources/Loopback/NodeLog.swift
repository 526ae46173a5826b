import HubNode
import NIOConcurrencyHelpers
import Backplane

/// Keeps what a node in this process says of the backplane.
final class NodeLog: HubNodeObserver {
    struct State: Sendable {
        var missed = MissedIDs()
        var resets: [CounterReset] = []
        /// Why the node was cut off, each time.
        var closures: [String] = []
    }

    private let state = NIOLockedValueBox(State())
    private let onPublished: @Sendable (_ envelope: UInt64, _ key: String, _ value: [UInt8]) -> Void

    init(onPublished: @escaping @Sendable (_ envelope: UInt64, _ key: String, _ value: [UInt8]) -> Void) {
        self.onPublished = onPublished
    }

    var current: State { state.withLockedValue { $0 } }

    func published(id: UInt64, message: Message) {
        onPublished(id, message.key, message.value)
    }

    func opened() {}

    func closed(reason: String) {
        state.withLockedValue { $0.closures.append(reason) }
    }

    func missed(from: UInt64, to: UInt64) {
        guard from <= to else { return }
        state.withLockedValue { $0.missed.insert(from...to) }
    }

    func counterReset(from: UInt64, to: UInt64) {
        state.withLockedValue { $0.resets.append(CounterReset(from: from, to: to)) }
    }
}
