import NIOConcurrencyHelpers

/// The subscriptions a subscriber wants, across reconnects; thread-safe.
final class WantedNames: Sendable {
    private struct State {
        /// With a sequence number, which gives the order.
        var names: [SubscribedName.Key: (number: Int, name: SubscribedName)] = [:]
        var next = 0
    }

    let header: MessageHeader?
    /// Every message is kept under index 0, with its Redis channel.
    let keepsAll: Bool
    private let state: NIOLockedValueBox<State>

    init(_ names: [SubscribedName], header: MessageHeader?, keepsAll: Bool) {
        self.header = header
        self.keepsAll = keepsAll
        state = NIOLockedValueBox(State())
        add(names)
    }

    /// In order of addition.
    var list: [SubscribedName] {
        state.withLockedValue { $0.names.values.sorted { $0.number < $1.number }.map(\.name) }
    }

    func add(_ names: [SubscribedName]) {
        state.withLockedValue { state in
            for name in names where state.names[name.key] == nil {
                state.names[name.key] = (state.next, name)
                state.next += 1
            }
        }
    }

    func remove(_ names: [SubscribedName.Key]) {
        state.withLockedValue { state in
            for name in names { state.names[name] = nil }
        }
    }
}
