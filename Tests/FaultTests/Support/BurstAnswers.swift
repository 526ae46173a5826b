import Redis
import Synchronization

/// Writes the answers to one pipeline into the ledger.
final class BurstAnswers: Sendable {
    private struct State {
        var indexes: ArraySlice<Int>
        var isConnected = true
        var completion: (@Sendable (_ isConnected: Bool) -> Void)?
    }

    private let ledger: Ledger
    private let state: Mutex<State>

    /// - Parameter completion: told, once all answers are in, whether the connection and the script still serve.
    init(ledger: Ledger, indexes: [Int], completion: @escaping @Sendable (_ isConnected: Bool) -> Void) {
        self.ledger = ledger
        state = Mutex(State(indexes: indexes[...], completion: completion))
    }

    func add(_ reply: Result<RESPValue, RedisError>) {
        let (completion, isConnected) = state.withLock { state in
            if let index = state.indexes.popFirst(), !write(reply, at: index) { state.isConnected = false }
            return (state.indexes.isEmpty ? state.completion.take() : nil, state.isConnected)
        }
        completion?(isConnected)
    }

    /// - Returns: false if no more can be published on this connection.
    private func write(_ reply: Result<RESPValue, RedisError>, at index: Int) -> Bool {
        switch reply {
        case .failure:
            return false
        case .success(.error):
            // NOSCRIPT, LOADING, MISCONF: a new connection loads the script again.
            ledger.complete(index, outcome: .refused, id: nil, payload: nil)
            return false
        case .success(.array(let parts)):
            guard case .bulk(let payload)? = parts.last else { return false }
            ledger.complete(index, outcome: .done, id: PayloadID.of(payload), payload: payload)
        case .success(let value):
            // PUBLISH answers the number of receivers, INCR the counter; the kind shows which.
            ledger.complete(index, outcome: .done, number: value.integer)
        }
        return true
    }
}
