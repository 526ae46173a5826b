import Backplane
import JSON
import NIOCore

/// Messages from the node.
extension CoreSignalRClient {
    /// Minimum time between two Acks.
    private static let ackInterval: TimeAmount = .seconds(1)

    func received(_ bytes: some Collection<UInt8>, epoch: Int) {
        guard epoch == machine.epoch else { return }
        beat?.received(at: .now())
        inbox.append(bytes)
        do {
            while epoch == machine.epoch, let message = try inbox.next() {
                guard inbox.format != nil else {
                    received(handshake: message, epoch: epoch)
                    continue
                }
                try received(CoreIncoming(message, configuration.format), epoch: epoch)
            }
        } catch {
            let reason =
                error is CoreFrameError
                ? "\(error)" : "a message is longer than \(WebSocketClientHandler.maximumMessageBytes) bytes"
            handle(
                .closed(.transportLost(node: "\(node)", reason: reason), allowReconnect: true, epoch: epoch))
        }
    }

    private func received(_ message: CoreIncoming, epoch: Int) {
        if case .sequence(let id) = message { return received(sequenceID: id, epoch: epoch) }
        if resumption?.receive(isCounted: message.isCounted) == .skipped { return }
        if message.isCounted, resumption != nil { acknowledgeLater() }
        switch message {
        case .invocation(let id, let method, let arguments):
            emit(.invocation(ClientInvocation(hub: "", method: method, arguments: arguments, cursor: nil)))
            if let id { answer(id, method, arguments) }
        case .streamItem(let id, let item):
            if !calls.received(item, for: id) { sendLater(.cancelInvocation(id: id)) }
        case .completion(let id, let outcome): calls.finish(id, outcome)
        case .ping, .unknown, .sequence: break
        case .ack(let id):
            resumption?.acknowledged(id)
            wakeSenders()
        case .close(let error, let allowReconnect):
            handle(
                .closed(
                    .closedByHub(node: "\(node)", error: error), allowReconnect: allowReconnect, epoch: epoch))
        }
    }

    private func received(sequenceID id: Int64, epoch: Int) {
        guard resumption?.receive(sequenceID: id) == false else { return }
        handle(
            .closed(
                .transportLost(
                    node: "\(node)",
                    reason: "the node continues with message \(id), and messages before it did not arrive"),
                allowReconnect: true, epoch: epoch))
    }

    private func acknowledgeLater() {
        guard ackTimer == nil else { return }
        ackTimer = eventLoop.scheduleTask(in: Self.ackInterval) {
            self.assumeIsolated { client in
                client.ackTimer = nil
                guard let id = client.resumption?.lastReceivedID else { return }
                client.write(CoreOutgoing.ack(id).encoded(client.configuration.format))
            }
        }
    }

    /// The new webSocket of the same connection is open.
    func resend() {
        guard let (id, messages) = resumption?.repeated else { return }
        write(CoreOutgoing.sequence(id).encoded(configuration.format) + messages.flatMap { $0 })
        // Messages received on the lost webSocket may not have been acknowledged.
        if (resumption?.lastReceivedID ?? 0) > 0 { acknowledgeLater() }
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
