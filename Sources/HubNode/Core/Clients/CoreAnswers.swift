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

    mutating func fail(_ id: String, _ error: any Error) {
        waiting.removeValue(forKey: id)?.continuation.resume(throwing: error)
    }

    /// The connection has ended: it will not respond.
    mutating func disconnected(_ connectionID: String) {
        for (id, answer) in waiting where answer.connectionID == connectionID {
            waiting.removeValue(forKey: id)
            answer.continuation.resume(throwing: HubError("Connection disconnected."))
        }
    }
}
