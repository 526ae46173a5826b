import Backplane
package import JSON
import NIOCore

/// Messages in both directions: calls and streams, answers to the node's calls, Acks.
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
        defer { for (stream, _) in streams { calls.cancelUpload(stream) } }
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
    private func send(_ message: CoreOutgoing) async throws {
        while try !sendNow(message) { await withCheckedContinuation { messages.wait($0) } }
    }

    /// - Returns: false if the message must wait until the node has acknowledged earlier ones.
    private func sendNow(_ message: CoreOutgoing) throws -> Bool {
        guard takesMessages else { throw SignalRClientError.notConnected(node: "\(node)") }
        guard let bytes = messages.admit(message) else { return false }
        if isConnected { write(bytes) }
        return true
    }

    private func sendLater(_ message: CoreOutgoing) {
        Task { try? await send(message) }
    }

    private func begin(_ invocation: CoreOutgoing, _ id: String, _ streams: [(String, Upload)]) {
        do {
            // Keeps the order with messages that are already waiting.
            if try !messages.hasWaiting && sendNow(invocation) {
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
            let upload = Task {
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
            calls.add(id, upload: upload)
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

    // MARK: - Receiving

    func received(_ bytes: some Collection<UInt8>, epoch: Int) {
        guard epoch == self.epoch else { return }
        noteReceived()
        messages.append(bytes)
        do {
            while epoch == self.epoch, let next = try messages.next() {
                switch next {
                case .handshakeAnswer(let answer): received(handshakeAnswer: answer, epoch: epoch)
                case .message(let message): received(message, epoch: epoch)
                case .gap(let id):
                    close("the node continues with message \(id), and messages before it did not arrive", epoch: epoch)
                }
            }
        } catch {
            close(
                error is CoreFrameError
                    ? "\(error)" : "a message is longer than \(WebSocketClientHandler.maximumMessageBytes) bytes",
                epoch: epoch)
        }
    }

    private func close(_ reason: String, epoch: Int) {
        handle(.closed(.transportLost(node: "\(node)", reason: reason), allowReconnect: true, epoch: epoch))
    }

    private func received(_ message: CoreIncoming, epoch: Int) {
        if message.isCounted, messages.isResumable { acknowledgeLater() }
        switch message {
        case .invocation(let id, let method, let arguments):
            emit(.invocation(ClientInvocation(hub: "", method: method, arguments: arguments, cursor: nil)))
            if let id { answer(id, method, arguments) }
        case .streamItem(let id, let item):
            if !calls.received(item, for: id) { sendLater(.cancelInvocation(id: id)) }
        case .completion(let id, let outcome): calls.finish(id, outcome)
        case .ping, .ack, .sequence, .unknown: break
        case .close(let error, let allowReconnect):
            handle(
                .closed(
                    .closedByHub(node: "\(node)", error: error), allowReconnect: allowReconnect, epoch: epoch))
        }
    }

    /// The new webSocket of the same connection is open.
    func resend() {
        guard let repeated = messages.repeated else { return }
        write(repeated)
        // Messages received on the lost webSocket may not have been acknowledged.
        if messages.hasReceived { acknowledgeLater() }
    }

    /// Answers a call for which the node expects a result.
    private func answer(_ id: String, _ method: String, _ arguments: [JSONTree]) {
        let answer = answers[method.lowercased()]
        Task {
            let outcome: CoreOutgoing.Outcome
            do {
                // The wording of Microsoft's clients.
                outcome =
                    if let answer { .result(try await answer(arguments)) } else {
                        .error("Client didn't provide a result.")
                    }
            } catch {
                outcome = .error("\(error)")
            }
            // Without a connection the node no longer waits.
            try? await send(.completion(id: id, outcome))
        }
    }
}
