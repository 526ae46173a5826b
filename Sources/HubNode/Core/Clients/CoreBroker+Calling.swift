import Backplane
import DequeModule
import NIOCore

/// Runs clients' calls like a real node: one at a time per connection, in order; streaming calls run concurrently.
extension CoreBroker {
    func enqueue(_ call: CoreClientMessage.Invocation, of client: CoreClient) {
        for id in call.streamIDs {
            // Items may arrive while the call is still queued.
            let token = client.token
            client.uploads[id] = HubItemQueue { bytes in
                Task { await self.taken(bytes, token: token) }
            }
        }
        client.pendingBytes += call.size
        client.calls.append(call)
        callNext(of: client)
    }

    private func callNext(of client: CoreClient) {
        while !client.isCalling, !client.isOver, let call = client.calls.popFirst() {
            switch dispatcher.find(
                call.target, in: hub, arguments: call.arguments.count, streams: call.streamIDs.count)
            {
            case .failure(let problem): fail(call, of: client, errors.call(problem, of: call.target))
            case .success(let method) where method.returnsStream != call.isStream:
                fail(
                    call, of: client,
                    method.returnsStream
                        ? CoreErrorText.streaming(call.target) : CoreErrorText.notStreaming(call.target))
            case .success(let method):
                if let id = call.id, method.returnsStream, client.streams[id] != nil {
                    fail(call, of: client, "Invocation ID '\(id)' is already in use.")
                } else {
                    begin(call, method, of: client)
                }
            }
        }
    }

    private func begin(_ call: CoreClientMessage.Invocation, _ method: HubMethod, of client: CoreClient) {
        let uploads = call.streamIDs.map { client.uploads[$0] ?? HubItemQueue() }
        client.isCalling = !method.needsStreams
        let task = Task {
            let outcome = await dispatcher.run(
                method, of: hub, arguments: HubArguments(call.arguments, streams: uploads, isStrict: true),
                requestID: call.id, caller: HubCaller(connectionID: client.id, user: client.session.user),
                publisher: publisher)
            await finish(call, method, outcome, of: client)
        }
        if method.returnsStream, let id = call.id { client.streams[id] = task }
    }

    private func finish(
        _ call: CoreClientMessage.Invocation, _ method: HubMethod, _ outcome: Result<HubReturn, CallProblem>,
        of client: CoreClient
    ) async {
        switch outcome {
        case .failure(let problem): complete(call, of: client, .error(errors.call(problem, of: call.target)))
        case .success(.value(let result)):
            complete(call, of: client, .result(result ?? HubArgument(json: Array("null".utf8))))
        case .success(.stream(let items)): await stream(items, call, method, to: client)
        }
        forget(call, of: client)
        if !method.needsStreams {
            client.isCalling = false
            callNext(of: client)
        }
        goOn(client)
    }

    private func stream(
        _ items: HubItems, _ call: CoreClientMessage.Invocation, _ method: HubMethod, to client: CoreClient
    ) async {
        let id = call.id ?? ""
        do {
            try await items { item in
                try Task.checkCancellation()
                await put(item, id: id, to: client)
            }
            complete(call, of: client, .void)
        } catch is CancellationError {
            complete(call, of: client, .void)
        } catch {
            dispatcher.note(error, in: method, of: hub)
            complete(call, of: client, .error(Task.isCancelled ? nil : errors.stream(error)))
        }
    }

    /// Waits while more is pending for the client than a transport accepts at once.
    private func put(_ item: HubArgument, id: String, to client: CoreClient) async {
        send(.streamItem(id: id, item), to: client)
        guard client.isBehind(settings.pendingBytes), !client.isOver else { return }
        await withCheckedContinuation { client.writers.append($0) }
    }

    private func fail(_ call: CoreClientMessage.Invocation, of client: CoreClient, _ error: String) {
        complete(call, of: client, .error(error))
        forget(call, of: client)
    }

    /// A call without an id is not answered.
    private func complete(
        _ call: CoreClientMessage.Invocation, of client: CoreClient, _ completion: CoreClientMessage.Completion
    ) {
        guard let id = call.id else { return }
        send(.completion(id: id, completion), to: client)
    }

    /// The call has nothing pending any more.
    private func forget(_ call: CoreClientMessage.Invocation, of client: CoreClient) {
        client.pendingBytes -= call.size
        for id in call.streamIDs { client.uploads.removeValue(forKey: id)?.finish() }
        if call.isStream, let id = call.id { client.streams.removeValue(forKey: id) }
    }

    private func taken(_ bytes: Int, token: String) {
        guard let client = clients[token: token] else { return }
        client.pendingBytes -= bytes
        goOn(client)
    }

    /// Resumes reading from a paused client.
    private func goOn(_ client: CoreClient) {
        guard !client.isFull(settings.pendingBytes) else { return }
        process(client)
        guard !client.isFull(settings.pendingBytes) else { return }
        client.wakeReaders()
        let line = client.session.outlet?.line
        if case .webSocket(let line) = line { line.readOn() }
    }
}

extension CoreClientMessage.Completion {
    fileprivate static func error(_ text: String?) -> Self { text.map { .error($0) } ?? .void }
}
