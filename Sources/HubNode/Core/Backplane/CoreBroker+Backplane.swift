import Backplane
import Logging
import NIOCore
import Prometheus
import Redis

/// Messages from the backplane of ASP.NET Core SignalR.
extension CoreBroker {
    func handle(_ event: CoreBusEvent) {
        switch event {
        case .subscribed(let gap): if let gap { noteGap(gap, at: .now()) }
        case .unsubscribed, .canPublish, .cannotPublish: break
        case .oversized(let bytes):
            metrics.oversizedEnvelopes.increment()
            logger.error(
                "an envelope is larger than this node takes and was dropped while it came in: its clients miss it",
                metadata: ["bytes": "\(bytes)", "limit": "\(limits.envelopeBytes)"])
        case .batch(let batch):
            // Messages of this read that are not delivered yet.
            var burst: CoreBurst?
            batch.forEach { _, _, record in heard(record, &burst) }
            deliver(&burst)
            writer.flush()
        }
    }

    /// Why the backplane cannot be read or written now; nil if it can, or if there is no backplane.
    var outage: String? { bus?.assumeIsolated { $0.outage } }

    private func heard(_ bytes: UnsafeRawBufferPointer, _ burst: inout CoreBurst?) {
        guard let bus else { return }
        do throws(CoreError) {
            let record = try CoreRecord(bytes)
            guard let name = bus.hub.parse(record.channel) else { return }
            let payload = try CorePayload(decoding: record.payload, as: name.kind)
            if case .invocation(let invocation) = payload {
                return deliver(invocation, name, on: record.channel, &burst)
            }
            deliver(&burst)
            switch payload {
            case .invocation: break
            case .groupCommand(let command): execute(command, bus)
            case .ack(let id): bus.assumeIsolated { $0.acknowledged(id) }
            case .completion(let completion): resolve(completion)
            }
        } catch {
            metrics.undecodable.increment()
            logger.warning("an envelope does not decode", metadata: ["cause": "\(error)"])
        }
    }

    private func deliver(
        _ invocation: CoreInvocation, _ name: CoreChannelName, on channel: UnsafeRawBufferPointer,
        _ burst: inout CoreBurst?
    ) {
        if burst?.add(invocation, on: channel) == true { return }
        deliver(&burst)
        let audience: Audience
        switch name.kind {
        case .all: audience = .all(except: invocation.excluded)
        case .group: audience = .group(name.nameText, except: invocation.excluded)
        // A real node ignores exclusions here too.
        case .user: audience = .user(name.nameText)
        default:
            if let reply = invocation.reply, let client = clients[id: name.nameText] {
                client.replies[reply.invocationID] = reply.channel
            }
            return deliver([invocation.frames], to: .client(name.nameText))
        }
        burst = CoreBurst(invocation, on: channel, to: audience)
    }

    private func deliver(_ burst: inout CoreBurst?) {
        guard let messages = burst else { return }
        burst = nil
        deliver(messages.messages, to: messages.audience)
    }

    /// A group command from another node. The owner of the connection executes and acknowledges it, even if nothing
    /// changes.
    private func execute(_ command: CoreGroupCommand, _ bus: CoreBus) {
        guard let client = clients[id: command.connection], let action = CoreGroupCommandView.Action(command) else {
            return
        }
        Task {
            try? await change(action == .add ? .add : .remove, command.group, of: client)
            await bus.tell(.ack(id: command.id), to: bus.hub.channel(.ack, Array(command.server.utf8)))
        }
    }

    /// The response of another node's client to a call from this node.
    private func resolve(_ completion: CoreCompletion) {
        guard let format = settings.formats.first(where: { $0.name == completion.protocolName }),
            case .completion(let id, let answer)? = try? CoreClientMessage(completion.frame, format)
        else {
            metrics.undecodable.increment()
            return logger.warning(
                "a client's result is of a protocol that this node has not",
                metadata: ["protocol": "\(completion.protocolName)"])
        }
        answers.resolve(id, answer)
    }

    /// Sends a local client's response to the node that called it.
    ///
    /// - Returns: false if no other node is waiting for it.
    func reply(_ id: String, _ completion: CoreClientMessage.Completion, of client: CoreClient) -> Bool {
        guard let bus, let format = client.format, let channel = client.replies.removeValue(forKey: id) else {
            return false
        }
        let frame = CoreServerMessage.completion(id: id, completion).encoded(format)
        bus.assumeIsolated {
            $0.tell(
                .completion(CoreCompletion(protocolName: format.name, frame: frame)),
                to: Array(($0.hub.prefix + channel).utf8))
        }
        return true
    }

    // MARK: - Subscribing

    /// Subscribes to the channels of a new client. Its calls wait until this is done.
    func join(_ client: CoreClient, isFirstOfUser: Bool, _ bus: CoreBus) {
        let user = isFirstOfUser ? [bus.hub.channel(.user, Array(client.session.user.utf8))] : []
        let names = [bus.hub.channel(.connection, Array(client.id.utf8))] + user
        // Started immediately, so that a client that leaves meanwhile unsubscribes afterwards.
        let subscriptions = bus.subscriptions.assumeIsolated { bus in names.map { bus.startSubscribing($0) } }
        Task {
            var isHeard = true
            for subscription in subscriptions { isHeard = await subscription.value && isHeard }
            guard !client.isOver else { return }
            guard isHeard else {
                logger.warning(
                    "a client was refused: Redis cannot be reached, or refuses the subscription",
                    metadata: ["connection": "\(client.id)"])
                return close(client, error: errors.closing("The backplane is not reached."), allowReconnect: true)
            }
            client.phase = .connected
            process(client)
        }
    }

    /// Unsubscribes channels that no local client needs any more.
    func leave(_ left: CoreClientRegistry.Left, _ client: CoreClient) {
        guard let bus else { return }
        let names =
            [bus.hub.channel(.connection, Array(client.id.utf8))]
            + left.groups.map { bus.hub.channel(.group, Array($0.utf8)) }
            + (left.user.map { [bus.hub.channel(.user, Array($0.utf8))] } ?? [])
        bus.subscriptions.assumeIsolated { for name in names { $0.startUnsubscribing(name) } }
        for (id, _) in client.replies { _ = reply(id, .error("Connection disconnected."), of: client) }
    }

    /// Changes the groups of a local connection.
    func change(_ change: GroupChange, _ group: String, of client: CoreClient) async throws {
        switch change {
        case .add:
            guard clients.join(client, group), let bus else { return }
            guard await bus.subscriptions.subscribe(bus.hub.channel(.group, Array(group.utf8))) else {
                throw CallFailure.notPublished("Redis cannot be reached, or refuses the subscription")
            }
        case .remove:
            guard clients.leave(client, group), let bus else { return }
            await bus.subscriptions.unsubscribe(bus.hub.channel(.group, Array(group.utf8)))
        }
    }
}

extension CoreGroupCommandView.Action {
    fileprivate init?(_ command: CoreGroupCommand) {
        self.init(rawValue: command.rawAction)
    }
}

extension CoreKind {
    /// The channel of an audience.
    static func of(_ audience: Audience) -> (kind: CoreKind, name: String, excluded: [String]) {
        switch audience {
        case .all(let excluded): (.all, "", excluded)
        case .client(let id), .listed(let id): (.connection, id, [])
        case .group(let name, let excluded): (.group, name, excluded)
        case .user(let id): (.user, id, [])
        }
    }
}
