import Backplane
import Logging
import NIOCore
import Prometheus

/// The publisher for hub methods.
extension CoreBroker: Publisher {
    func invoke(_ invocation: ClientCall) async throws {
        let message = CoreServerMessage.invocation(
            id: nil, target: invocation.method, arguments: invocation.arguments)
        if case .client(let id) = invocation.audience, let client = clients[id: id] {
            return send(message, to: client)
        }
        let (kind, name, excluded) = CoreKind.of(invocation.audience)
        // Like a real node: a channel needs a name.
        guard !kind.isNamed || !name.isEmpty else { return }
        let payload = message.payload(excluded: excluded, settings.formats)
        guard let bus else {
            deliver([payload.frames], to: invocation.audience)
            return writer.flush()
        }
        _ = try await bus.publish(.invocation(payload), to: bus.hub.channel(kind, Array(name.utf8)))
    }

    /// ASP.NET Core SignalR has no progress reports: streams replace them.
    func reportProgress(_ value: [UInt8], requestID: String?, connectionID: String) async throws {}

    func changeGroup(_ change: GroupChange, group: String, hub: String, connectionID: String) async throws {
        if let client = clients[id: connectionID] {
            try await self.change(change, group, of: client)
        } else if let bus {
            try await bus.command(change, group, connectionID: connectionID)
        }
    }

    func abort(connectionID: String) async throws {
        if let client = clients[id: connectionID] { close(client) }
    }

    func ask(_ invocation: ClientCall) async throws -> HubArgument {
        guard case .client(let connectionID) = invocation.audience else {
            throw CallFailure.unsupported("A result of many clients")
        }
        let id = CoreConnectionID.randomInvocationID()
        let message = CoreServerMessage.invocation(
            id: id, target: invocation.method, arguments: invocation.arguments)
        let client = clients[id: connectionID]
        guard client != nil || bus != nil else { throw CallFailure.noSuchConnection(connectionID) }
        return try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { continuation in
                answers.wait(for: id, from: connectionID, continuation)
                if let client { send(message, to: client) } else { ask(message, id, connectionID) }
            }
        } onCancel: {
            Task { await self.giveUp(id, HubError("Invocation canceled by the server.")) }
        }
    }

    /// Calls a client of another node.
    private func ask(_ message: CoreServerMessage, _ id: String, _ connectionID: String) {
        guard let bus else { return }
        var payload = message.payload(excluded: [], settings.formats)
        // Without the prefix, which the other node puts before it.
        payload.reply = CoreInvocation.Reply(
            invocationID: id, channel: "\(bus.hub.type):internal:return:\(bus.server)")
        Task {
            do {
                // No subscriber: no node has the connection.
                if try await bus.publish(
                    .invocation(payload), to: bus.hub.channel(.connection, Array(connectionID.utf8))) == 0
                {
                    giveUp(id, CallFailure.noSuchConnection(connectionID))
                }
            } catch {
                giveUp(id, error)
            }
        }
    }

    /// Ends the wait for a call that will not be answered.
    private func giveUp(_ id: String, _ error: any Error) {
        if answers.fail(id, error) { metrics.missingResults.increment() }
    }

    /// Whether this node owns a connection.
    func holds(_ connectionID: String) -> Bool { clients[id: connectionID] != nil }

    // MARK: - Delivery

    /// Delivers messages with the same recipients. Data may stay unsent until the writer is flushed.
    ///
    /// - Parameter messages: the frames of each; all in the same protocols.
    func deliver(_ messages: [[CoreInvocation.Frame]], to audience: Audience) {
        switch audience {
        case .all(let excluded): deliver(messages, to: clients.connected, except: excluded)
        case .client(let id), .listed(let id): deliver(messages, to: clients[id: id].map { [$0] } ?? [])
        case .group(let name, let excluded): deliver(messages, to: clients.members(of: name), except: excluded)
        case .user(let id): deliver(messages, to: clients.clients(ofUser: id))
        }
    }

    private func deliver(
        _ messages: [[CoreInvocation.Frame]], to receivers: some Collection<CoreClient>, except excluded: [String] = []
    ) {
        let excluded = Set(excluded.map { OrdinalName($0) })
        let all = CoreFanOut(messages)
        let now = NIODeadline.now()
        var count = 0
        // Clients that are behind, and those with stateful reconnect, which count messages.
        var others: [CoreClient] = []
        for client in receivers {
            guard !client.isOver, let format = client.format else { continue }
            guard excluded.isEmpty || !excluded.contains(OrdinalName(client.id)) else { continue }
            guard let form = all.form(format) else {
                disconnect(client, lacking: format)
                continue
            }
            let session = client.session
            if !client.isStateful, session.outbox.isIdle, session.outlet?.isReady == true {
                writer.write(form.frame, to: session, at: now)
                count += 1
            } else {
                others.append(client)
            }
        }
        if count > 0 { metrics.delivered.increment(by: count * messages.count) }
        guard !others.isEmpty else { return }
        for message in messages { deliver(message, oneByOne: others, at: now) }
    }

    private func deliver(
        _ message: [CoreInvocation.Frame], oneByOne receivers: [CoreClient], at now: NIODeadline
    ) {
        let message = CoreFanOut([message])
        var count = 0
        for client in receivers where !client.isOver {
            guard let form = client.format.flatMap(message.form) else { continue }
            let session = client.session
            if session.outbox.isIdle, session.outlet?.isReady == true, client.keeps(form.content) {
                writer.write(form.frame, to: session, at: now)
                count += 1
            } else {
                enqueue(form.content, isCounted: true, for: client)
                pump(client)
            }
        }
        if count > 0 { metrics.delivered.increment(by: count) }
    }

    /// Like a real node: a client that would otherwise miss messages silently is disconnected.
    private func disconnect(_ client: CoreClient, lacking format: CoreFormat) {
        metrics.missingProtocols.increment()
        logger.error(
            "a message came from a node that has not this client's protocol, and the client is disconnected: enable the same protocols on all nodes",
            metadata: ["connection": "\(client.id)", "protocol": "\(format.name)"])
        remove(client)
    }
}

extension CoreServerMessage {
    /// As it goes through the backplane: for clients of every protocol that this node has.
    func payload(excluded: [String], _ formats: [CoreFormat]) -> CoreInvocation {
        CoreInvocation(
            excluded: excluded,
            frames: formats.map { CoreInvocation.Frame(protocolName: $0.name, bytes: encoded($0)) })
    }
}
