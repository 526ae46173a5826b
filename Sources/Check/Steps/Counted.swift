import Synchronization

/// A number that closures of several threads share.
final class Counted: Sendable {
    private let number = Mutex(0)

    var value: Int {
        get { number.withLock { $0 } }
        set { number.withLock { $0 = newValue } }
    }

    func add(_ amount: Int) {
        number.withLock { $0 += amount }
    }
}
