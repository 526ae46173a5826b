import JSON
import NIOCore

/// The calls and streams waiting for a node of ASP.NET Core SignalR, and the streams to the node that they need.
struct CorePendingCalls {
    private enum Waiting {
        case result(CheckedContinuation<JSONTree, any Error>, Scheduled<Void>)
        case stream(AsyncThrowingStream<JSONTree, any Error>.Continuation)
    }

    private var waiting: [String: Waiting] = [:]
    /// Tasks that send streams to the node, by the id of the stream.
    private var uploads: [String: Task<Void, Never>] = [:]
    private var lastID = 0

    var isEmpty: Bool { waiting.isEmpty }

    mutating func makeID() -> String {
        lastID += 1
        return "\(lastID)"
    }

    mutating func add(
        _ id: String, _ result: CheckedContinuation<JSONTree, any Error>, timer: Scheduled<Void>
    ) {
        waiting[id] = .result(result, timer)
    }

    mutating func add(_ id: String, _ stream: AsyncThrowingStream<JSONTree, any Error>.Continuation) {
        waiting[id] = .stream(stream)
    }

    /// - Returns: false if the stream's reader is too slow; the stream has then failed.
    mutating func received(_ item: JSONTree, for id: String) -> Bool {
        guard case .stream(let stream)? = waiting[id] else { return true }
        guard case .dropped = stream.yield(item) else { return true }
        waiting[id] = nil
        stream.finish(throwing: SignalRClientError.misuse("the items of a stream were not read in time"))
        return false
    }

    /// The node's answer. Does nothing if the call has already ended.
    mutating func finish(_ id: String, _ outcome: CoreOutgoing.Outcome) {
        switch outcome {
        case .void: finish(id, .success(.null))
        case .result(let value): finish(id, .success(value))
        // The node's text names the exception only if the message is meant for the caller.
        case .error(let text):
            finish(id, .failure(CallError(text: text, isHubException: text.contains(" HubException: "))))
        }
    }

    mutating func finish(_ id: String, _ result: Result<JSONTree, any Error>) {
        switch waiting.removeValue(forKey: id) {
        case .result(let continuation, let timer)?:
            timer.cancel()
            continuation.resume(with: result)
        case .stream(let stream)?:
            switch result {
            case .success: stream.finish()
            case .failure(let error): stream.finish(throwing: error)
            }
        case nil: break
        }
    }

    /// - Returns: whether the stream was still running.
    mutating func cancelStream(_ id: String) -> Bool {
        guard case .stream? = waiting[id] else { return false }
        waiting[id] = nil
        return true
    }

    mutating func add(_ id: String, upload: Task<Void, Never>) { uploads[id] = upload }

    mutating func cancelUpload(_ id: String) { uploads.removeValue(forKey: id)?.cancel() }

    /// Fails all calls and streams, and cancels the streams to the node.
    mutating func failAll(_ error: SignalRClientError) {
        for upload in uploads.values { upload.cancel() }
        uploads = [:]
        for id in waiting.keys { finish(id, .failure(error)) }
    }
}
