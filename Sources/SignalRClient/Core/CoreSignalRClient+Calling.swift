import Backplane
package import JSON
import NIOCore

/// Calls and streams.
extension CoreSignalRClient {
    /// Maximum number of items of a stream that wait for its reader.
    private static let waitingItems = 100_000

    /// Calls a method of the hub and waits for its result, as ``invoke(_:_:uploads:)`` without streams.
    ///
    /// - Returns: the result; `null` for a method without one.
    /// - Throws: ``CallError`` if the method failed; ``SignalRClientError``; `CancellationError`.
    @discardableResult
    package func call(_ method: String, _ arguments: [JSONTree]) async throws -> JSONTree {
        try await invoke(method, arguments)
    }

    /// Calls a method of the hub and waits for its result.
    ///
    /// - Parameter uploads: streams to the method, after its arguments. Each is read only while the call runs.
    /// - Returns: the result; `null` for a method without one.
    /// - Throws: ``CallError`` if the method failed; ``SignalRClientError``; `CancellationError`.
    @discardableResult
    package func invoke(
        _ method: String, _ arguments: [JSONTree] = [], uploads: [Upload] = []
    ) async throws -> JSONTree {
        let id = calls.makeID()
        let streams = uploads.map { (calls.makeID(), $0) }
        defer { for (stream, _) in streams { self.uploads.removeValue(forKey: stream)?.cancel() } }
        let invocation = CoreOutgoing.invocation(
            id: id, target: method, arguments: arguments, streamIDs: streams.map(\.0), isStream: false)
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                calls.add(id, continuation, timer: giveUp(id))
                begin(invocation, id, streams)
            }
        } onCancel: {
            Task { await self.fail(id, CancellationError()) }
        }
    }

    /// Calls a method of the hub without waiting for its result: returns once the call is sent.
    ///
    /// - Throws: ``SignalRClientError/notConnected(node:)``
    package func send(_ method: String, _ arguments: [JSONTree] = []) async throws {
        try await send(
            .invocation(id: nil, target: method, arguments: arguments, streamIDs: [], isStream: false))
    }

    /// The items of a hub method that returns a stream. If the reader stops early, the stream is cancelled at the node.
    ///
    /// - Returns: a stream that fails with ``CallError`` or ``SignalRClientError``.
    package func stream(_ method: String, _ arguments: [JSONTree] = []) -> AsyncThrowingStream<JSONTree, any Error> {
        let id = calls.makeID()
        let (stream, continuation) = AsyncThrowingStream.makeStream(
            of: JSONTree.self, throwing: (any Error).self, bufferingPolicy: .bufferingOldest(Self.waitingItems))
        continuation.onTermination = { reason in
            guard case .cancelled = reason else { return }
            Task { await self.cancelStream(id) }
        }
        calls.add(id, continuation)
        begin(
            .invocation(id: id, target: method, arguments: arguments, streamIDs: [], isStream: true), id, [])
        return stream
    }

    // MARK: - Sending

    /// - Throws: ``SignalRClientError/notConnected(node:)``
    func send(_ message: CoreOutgoing) async throws {
        while try !sendNow(message) { await withCheckedContinuation { waitingForRoom.append($0) } }
    }

    /// - Returns: false if the message must wait until the node has acknowledged earlier ones.
    private func sendNow(_ message: CoreOutgoing) throws -> Bool {
        guard machine.takesMessages else { throw SignalRClientError.notConnected(node: "\(node)") }
        if message.isCounted, resumption?.isFull == true { return false }
        let bytes = message.encoded(configuration.format)
        if message.isCounted { resumption?.append(bytes) }
        if isConnected { write(bytes) }
        return true
    }

    func sendLater(_ message: CoreOutgoing) {
        Task { try? await send(message) }
    }

    private func begin(_ invocation: CoreOutgoing, _ id: String, _ streams: [(String, Upload)]) {
        do {
            // Keeps the order with messages that are already waiting.
            if try waitingForRoom.isEmpty && sendNow(invocation) {
                upload(streams)
            } else {
                Task {
                    do {
                        try await send(invocation)
                        upload(streams)
                    } catch {
                        fail(id, error)
                    }
                }
            }
        } catch {
            fail(id, error)
        }
    }

    private func upload(_ streams: [(String, Upload)]) {
        for (id, items) in streams {
            uploads[id] = Task {
                do {
                    let end: CoreOutgoing.Outcome
                    do {
                        for try await item in items { try await send(.streamItem(id: id, item)) }
                        end = .void
                    } catch let error as SignalRClientError {
                        throw error
                    } catch {
                        end = .error("\(error)")
                    }
                    if !Task.isCancelled { try await send(.completion(id: id, end)) }
                } catch {
                    // The call fails for the same reason.
                }
            }
        }
    }

    private func fail(_ id: String, _ error: any Error) {
        calls.finish(id, .failure(error))
    }

    private func giveUp(_ id: String) -> Scheduled<Void> {
        let timeout = configuration.timeouts.call
        return eventLoop.scheduleTask(in: TimeAmount(timeout)) {
            self.assumeIsolated {
                $0.fail(id, SignalRClientError.timedOut(node: "\($0.node)", what: "a call", after: timeout))
            }
        }
    }

    private func cancelStream(_ id: String) {
        if calls.cancelStream(id) { sendLater(.cancelInvocation(id: id)) }
    }
}
