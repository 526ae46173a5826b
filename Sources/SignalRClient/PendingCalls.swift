import JSON
import NIOCore

/// Calls waiting for their results.
struct PendingCalls {
    private struct Call {
        /// Nil for a call whose result is the response to its request.
        let result: CheckedContinuation<JSONTree, any Error>?
        let timer: Scheduled<Void>?
        let onProgress: (@Sendable (JSONTree) -> Void)?
    }

    private var calls: [Int: Call] = [:]
    private var nextID = 0

    mutating func makeID() -> Int {
        defer { nextID += 1 }
        return nextID
    }

    mutating func add(
        _ id: Int, result: CheckedContinuation<JSONTree, any Error>?, timer: Scheduled<Void>?,
        onProgress: (@Sendable (JSONTree) -> Void)?
    ) {
        calls[id] = Call(result: result, timer: timer, onProgress: onProgress)
    }

    func progress(_ id: Int, _ value: JSONTree) {
        calls[id]?.onProgress?(value)
    }

    mutating func answer(_ response: CallResponse) {
        guard let id = Int(response.call) else { return }
        switch response.outcome {
        case .success(let value): finish(id, .success(value))
        case .failure(let error): finish(id, .failure(error))
        }
    }

    /// Does nothing if the call has already ended.
    mutating func finish(_ id: Int, _ result: Result<JSONTree, any Error>) {
        guard let call = calls.removeValue(forKey: id) else { return }
        call.timer?.cancel()
        call.result?.resume(with: result)
    }

    /// Fails the calls whose results can no longer arrive.
    mutating func failAll(_ error: SignalRClientError) {
        for (id, call) in calls where call.result != nil { finish(id, .failure(error)) }
    }
}
