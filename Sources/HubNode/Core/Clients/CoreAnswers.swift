/// Results of clients that hub methods wait for. Each is waited for by one task and given once.
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

    /// - Parameter connectionID: of the client that answers: another one's answer is none.
    mutating func resolve(_ id: String, from connectionID: String, _ completion: CoreClientMessage.Completion) {
        guard waiting[id]?.connectionID == connectionID, let waiting = waiting.removeValue(forKey: id) else { return }
        switch completion {
        case .result(let result): waiting.continuation.resume(returning: result)
        case .error(let error): waiting.continuation.resume(throwing: HubError(error))
        case .void:
            // As a real node words it.
            waiting.continuation.resume(
                throwing: HubError("Exception of type 'Microsoft.AspNetCore.SignalR.HubException' was thrown."))
        }
    }

    mutating func fail(_ id: String, _ error: any Error) {
        waiting.removeValue(forKey: id)?.continuation.resume(throwing: error)
    }

    /// The connection has ended: it gives no answer any more.
    mutating func disconnected(_ connectionID: String) {
        for (id, answer) in waiting where answer.connectionID == connectionID {
            waiting.removeValue(forKey: id)
            answer.continuation.resume(throwing: HubError("Connection disconnected."))
        }
    }
}
