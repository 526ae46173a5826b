import NIOCore
import Synchronization

/// The current outcome of a future, without waiting.
final class Outcome<Value: Sendable>: Sendable {
    private let kept = Mutex<Result<Value, any Error>?>(nil)

    init(of future: EventLoopFuture<Value>) {
        future.whenComplete { result in self.kept.withLock { $0 = result } }
    }

    var isPending: Bool { kept.withLock { $0 == nil } }

    var value: Value? { kept.withLock { try? $0?.get() } }

    var error: (any Error)? {
        kept.withLock { result in
            if case .failure(let error) = result { error } else { nil }
        }
    }
}
