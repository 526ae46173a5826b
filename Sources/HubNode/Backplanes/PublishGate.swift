/// Decides whether a send may go to Redis, like a real node: before the first connection sends wait, up to a limit;
/// while connected they are sent; after a lost connection they fail.
struct PublishGate<Send> {
    enum Decision {
        case send
        case wait
        case refuse(reason: String)
    }

    private enum State {
        case neverOpened(waiting: [Send])
        case open
        case lost(reason: String)
    }

    private let limit: Int
    private var state = State.neverOpened(waiting: [])

    /// - Parameter limit: maximum number of sends waiting for the first connection.
    init(limit: Int) {
        self.limit = limit
    }

    var isOpen: Bool {
        if case .open = state { true } else { false }
    }

    /// Decides about a send; waiting ones are returned by ``open()``.
    mutating func admit(_ send: Send) -> Decision {
        switch state {
        case .open:
            return .send
        case .lost(let reason):
            return .refuse(reason: reason)
        case .neverOpened(var waiting):
            guard waiting.count < limit else {
                return .refuse(reason: "\(limit) sends already wait for the first connection to Redis")
            }
            waiting.append(send)
            state = .neverOpened(waiting: waiting)
            return .wait
        }
    }

    /// - Returns: the waiting sends, in order.
    mutating func open() -> [Send] {
        defer { state = .open }
        if case .neverOpened(let waiting) = state { return waiting }
        return []
    }

    mutating func lose(reason: String) {
        if case .open = state { state = .lost(reason: reason) }
    }

    /// Closes the gate permanently.
    ///
    /// - Returns: the waiting sends, which will not be sent.
    mutating func close(reason: String) -> [Send] {
        defer { state = .lost(reason: reason) }
        if case .neverOpened(let waiting) = state { return waiting }
        return []
    }
}
