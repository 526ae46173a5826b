import Backplane
import Logging
import NIOCore
import Prometheus

/// What hub methods ask of the clients here.
extension CoreBroker: Publisher {
    func invoke(_ invocation: ClientCall) async throws {
        let message = CoreServerMessage.invocation(
            id: nil, target: invocation.method, arguments: invocation.arguments)
        deliver(
            CoreFanOut(
                json: ByteBuffer(bytes: message.encoded(.json)),
                messagePack: ByteBuffer(bytes: message.encoded(.messagePack))), to: invocation.audience)
    }

    /// Clients of ASP.NET Core SignalR have no word for it: they take streams.
    func reportProgress(_ value: [UInt8], requestID: String?, connectionID: String) async throws {}

    func changeGroup(_ change: GroupChange, group: String, hub: String, connectionID: String) async throws {
        guard let client = clients[id: connectionID] else { return }
        switch change {
        case .add: _ = clients.join(client, group)
        case .remove: _ = clients.leave(client, group)
        }
    }

    func abort(connectionID: String) async throws {
        if let client = clients[id: connectionID] { close(client) }
    }

    func ask(_ invocation: ClientCall) async throws -> HubArgument {
        guard case .client(let connectionID) = invocation.audience else {
            throw CallFailure.unsupported("A result of many clients")
        }
        guard let client = clients[id: connectionID] else { throw CallFailure.noSuchConnection(connectionID) }
        let id = CoreConnectionID.randomInvocationID()
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                answers.wait(for: id, from: connectionID, continuation)
                send(
                    .invocation(id: id, target: invocation.method, arguments: invocation.arguments), to: client)
            }
        } onCancel: {
            Task { await self.cancelAnswer(id) }
        }
    }

    private func cancelAnswer(_ id: String) { answers.fail(id, CancellationError()) }

    /// Whether a connection is one of this node's.
    func holds(_ connectionID: String) -> Bool { clients[id: connectionID] != nil }

    // MARK: - Delivery

    func deliver(_ message: CoreFanOut, to audience: Audience) {
        switch audience {
        case .all(let excluded): deliver(message, to: clients.connected, except: excluded)
        case .client(let id): deliver(message, to: clients[id: id].map { [$0] } ?? [])
        case .group(let name, let excluded): deliver(message, to: clients.members(of: name), except: excluded)
        case .user(let id): deliver(message, to: clients.clients(ofUser: id))
        }
        writer.flush()
    }

    private func deliver(
        _ message: CoreFanOut, to receivers: some Collection<CoreClient>, except excluded: [String] = []
    ) {
        var message = message
        let excluded = Set(excluded.map { OrdinalName($0) })
        let now = NIODeadline.now()
        var count = 0
        for client in Array(receivers) {
            guard client.isConnected, let format = client.format else { continue }
            guard excluded.isEmpty || !excluded.contains(OrdinalName(client.id)) else { continue }
            guard let frame = message.encoded(format), let own = message.message(format) else {
                // As a real node: a client that would miss messages without a word is disconnected.
                metrics.missingProtocols.increment()
                logger.error(
                    "a message came from a node that has not this client's protocol, and the client is disconnected: enable the same protocols on all nodes",
                    metadata: ["connection": "\(client.id)", "protocol": "\(format.name)"])
                remove(client)
                continue
            }
            if client.session.outbox.isIdle, client.session.outlet?.isReady == true {
                writer.write(frame, to: client.session, at: now)
                count += 1
            } else {
                enqueue(own, for: client)
                pump(client)
            }
        }
        if count > 0 { metrics.delivered.increment(by: count) }
    }
}
