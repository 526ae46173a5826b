package import JSON
import NIOCore
import NIOWebSocket

extension SignalRClient {
    /// Calls a method of a hub.
    ///
    /// - Parameters:
    ///   - hub: its name, case-insensitive.
    ///   - onProgress: called on the event loop with each progress report that arrives before the result. The result
    ///     takes a shorter path than the reports: later ones arrive as ``SignalRClientEvent/progress(call:value:)``.
    ///   - onCall: called on the event loop with the number of the call before it is sent.
    /// - Returns: the result; `null` for a method without one.
    /// - Throws: ``CallError`` if the method failed; ``SignalRClientError``; `CancellationError`.
    @discardableResult
    package func invoke(
        _ hub: String, _ method: String, _ arguments: [JSONTree] = [],
        onProgress: (@Sendable (JSONTree) -> Void)? = nil, onCall: (@Sendable (Int) -> Void)? = nil
    ) async throws -> JSONTree {
        let id = calls.makeID()
        onCall?(id)
        let call = JSONTree.object([
            .init("H", .string(hub)), .init("M", .string(method)), .init("A", .array(arguments)),
            .init("I", .integer(Int64(id))),
        ])
        switch (configuration.transport, transport, isConnected) {
        case (.webSockets, .webSocket(let channel)?, true):
            return try await callBySocket(channel, call, id: id, onProgress: onProgress)
        case (.serverSentEvents, _, true), (.longPolling, _, true):
            return try await callByRequest(call, id: id, onProgress: onProgress)
        default:
            throw SignalRClientError.notConnected(node: "\(node)")
        }
    }

    private func callBySocket(
        _ channel: any Channel, _ call: JSONTree, id: Int, onProgress: (@Sendable (JSONTree) -> Void)?
    ) async throws -> JSONTree {
        let data = ByteBuffer(string: call.description)
        let frame = WebSocketFrame(fin: true, opcode: .text, maskKey: .random(), data: data)
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                calls.add(id, result: continuation, timer: giveUp(id), onProgress: onProgress)
                channel.writeAndFlush(frame).whenFailure { error in
                    let lost = SignalRClientError.transportLost(
                        node: "\(self.configuration.node)", reason: ConnectReason.words(of: error))
                    self.assumeIsolated { $0.calls.finish(id, .failure(lost)) }
                }
            }
        } onCancel: {
            Task { await self.finish(id, CancellationError()) }
        }
    }

    private func giveUp(_ id: Int) -> Scheduled<Void> {
        let timeout = configuration.callTimeout
        return eventLoop.scheduleTask(in: TimeAmount(timeout)) {
            self.assumeIsolated {
                $0.finish(id, SignalRClientError.timedOut(node: "\($0.node)", what: "a call", after: timeout))
            }
        }
    }

    private func finish(_ id: Int, _ error: any Error) {
        calls.finish(id, .failure(error))
    }

    private func callByRequest(
        _ call: JSONTree, id: Int, onProgress: (@Sendable (JSONTree) -> Void)?
    ) async throws -> JSONTree {
        calls.add(id, result: nil, timer: nil, onProgress: onProgress)
        defer { calls.finish(id, .success(.null)) }
        let body = try await session.exchange(.send, form: QueryText([("data", call.description)]))
            .perform(over: network, within: configuration.callTimeout)
        let json = body.withUnsafeReadableBytes { try? JSONTree(parsing: $0) }
        guard let response = json.flatMap({ CallResponse($0) }) else {
            throw SignalRClientError.badAnswer(
                node: "\(node)", request: "/send", reason: AnswerText.quote(body.readableBytesView))
        }
        return try response.outcome.get()
    }
}
