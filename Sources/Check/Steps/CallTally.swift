import Synchronization

/// Answers of hub methods: how many were due, how many were right.
final class CallTally: Sendable {
    private let counts = Mutex((expected: 0, received: 0))

    func count(isRight: Bool) {
        counts.withLock {
            $0.expected += 1
            $0.received += isRight ? 1 : 0
        }
    }

    var current: (expected: Int, received: Int) { counts.withLock { $0 } }
}
