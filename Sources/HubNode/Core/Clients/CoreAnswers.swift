/// Client results that hub methods are waiting for. Each has one waiting task and is delivered once.
struct CoreAnswers {
    private struct Waiting {
        let connectionID: String
        let continuation: CheckedContinuation<HubArgument, any Error>
    }

    private var waiting: [String: Waiting] = [:]

    var count: Int { waiting.count }

    mutating func wait(
        for id: String, from connectionID: String, _ continuation: CheckedContinuation<HubArgument, any Error>
    ) {
        waiting[id] = Waiting(connectionID: connectionID, continuation: continuation)
    }

    /// - Parameter connectionID: of the responding client; a response from any other client is ignored.
    mutating func resolve(_ id: String, from connectionID: String, _ completion: CoreClientMessage.Completion) {
        if waiting[id]?.connectionID == connectionID { resolve(id, completion) }
    }

    /// A client's response, forwarded by another node.
    mutating func resolve(_ id: String, _ completion: CoreClientMessage.Completion) {
        guard let waiting = waiting.removeValue(forKey: id) else { return }
        switch completion {
        case .result(let result): waiting.continuation.resume(returning: result)
        case .error(let error): waiting.continuation.resume(throwing: HubError(error))
        case .void:
            // The wording of a real node.
            waiting.continuation.resume(
                throwing: HubError("Exception of type 'Microsoft.AspNetCore.SignalR.HubException' was thrown."))
        }
    }

    /// - Returns: false if nothing was waiting for it.
    mutating func fail(_ id: String, _ error: any Error) -> Bool {
        guard let waiting = waiting.removeValue(forKey: id) else { return false }
        waiting.continuation.resume(throwing: error)
        return true
    }

    /// The connection has ended: it gives no answer any more.
    ///
    /// - Returns: the number of its pending results.
    mutating func disconnected(_ connectionID: String) -> Int {
        let owed = waiting.filter { $0.value.connectionID == connectionID }
        for (id, answer) in owed {
            waiting.removeValue(forKey: id)
            answer.continuation.resume(throwing: HubError("Connection disconnected."))
        }
        return owed.count
    }

    /// The node is stopping: results of other nodes' clients are no longer awaited either.
    mutating func giveUpAll() {
        let all = waiting.values
        waiting = [:]
        for answer in all { answer.continuation.resume(throwing: CancellationError()) }
    }
}
